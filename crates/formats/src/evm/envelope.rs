//! The JSON-RPC envelope around a body, or none.

use super::{
    json::{Next, Reader},
    refused::{DecodeError, shorten},
    value::once,
};

/// Hands `parse` the value of a body: what is in the envelope's `result`, or the whole of a bare body.
pub(super) fn answer<'a, T>(
    bytes: &'a [u8],
    mut parse: impl FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    if !is_enveloped(&reader) {
        let value = parse(&mut reader)?;
        reader.end()?;
        return Ok(value);
    }
    let (mut value, mut null, mut first) = (None, None, true);
    reader.enter_object()?;
    while let Some(key) = reader.key(&mut first)? {
        match &*key {
            b"result" if reader.null()? => once(&mut null, "result", ())?,
            b"result" => once(&mut value, "result", parse(&mut reader)?)?,
            b"error" if !reader.null()? => return Err(rpc_error(&mut reader)?),
            _ if &*key == b"error" => {}
            _ => reader.skip()?,
        }
    }
    reader.end()?;
    match (value, null) {
        (Some(value), None) => Ok(value),
        (None, Some(())) => Err(DecodeError::NullBlock),
        (Some(_), Some(())) => Err(DecodeError::Duplicate { field: "result" }),
        (None, None) => Err(DecodeError::Missing { field: "result" }),
    }
}

/// Whether the body begins as a JSON-RPC answer. A bare call frame may have an `error` too, but as text.
pub(super) fn is_enveloped(reader: &Reader<'_>) -> bool {
    let mut ahead = reader.clone();
    if ahead.enter_object().is_err() {
        return false;
    }
    match ahead.key(&mut true) {
        Ok(Some(key)) => match &*key {
            b"jsonrpc" | b"id" | b"result" => true,
            b"error" => matches!(ahead.peek(), Ok(Next::Object | Next::Null)),
            _ => false,
        },
        _ => false,
    }
}

pub(super) fn rpc_error(reader: &mut Reader<'_>) -> Result<DecodeError, DecodeError> {
    let (mut code, mut message) = (0_i64, String::from("no message"));
    reader.object(|reader, key| match key {
        b"code" => {
            code = reader.signed("code")?;
            Ok(())
        }
        b"message" if reader.peek()? == Next::String => {
            message = shorten(&reader.string()?);
            Ok(())
        }
        _ => reader.skip(),
    })?;
    Ok(DecodeError::Rpc { code, message })
}
