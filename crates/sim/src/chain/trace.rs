//! Notes every call of a transaction, in the order in which they begin, in the form that core has for traces.
//!
//! It only watches: it never alters a call or its result. Conventions (who is `from` in a delegated call, that precompiled
//! contracts appear) are those of geth's `callTracer`, since that is what detectors see from a real node. Tests:
//! `chain/tests.rs`.

use alloy_primitives::{Address, Bytes, U256};
use quarterdeck_core::chain::{Call, CallKind};
use revm::{
    Inspector,
    context_interface::ContextTr,
    interpreter::{
        CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, InstructionResult, InterpreterTypes,
    },
};

#[derive(Debug, Default)]
pub(super) struct Tracer {
    calls: Vec<Call>,
    /// Places in `calls` of the calls that have not ended.
    open: Vec<usize>,
}

impl Tracer {
    /// The calls of the transaction just executed; ready for the next.
    pub(super) fn take(&mut self) -> Vec<Call> {
        self.open.clear();
        std::mem::take(&mut self.calls)
    }

    fn begin(&mut self, mut call: Call) {
        call.depth = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        self.open.push(self.calls.len());
        self.calls.push(call);
    }

    fn end(&mut self, result: InstructionResult, output: &Bytes, created: Option<Address>) {
        let Some(place) = self.open.pop() else { return };
        if let Some(call) = self.calls.get_mut(place) {
            call.output = output.clone();
            if call.kind == CallKind::Create {
                call.to = created;
            }
        }
        if !result.is_ok() {
            for call in self.calls.iter_mut().skip(place) {
                call.reverted = true;
            }
        }
    }
}

impl<Ctx: ContextTr, Types: InterpreterTypes> Inspector<Ctx, Types> for Tracer {
    fn call(&mut self, context: &mut Ctx, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let (kind, from, to) = match inputs.scheme {
            CallScheme::Call => (CallKind::Call, inputs.caller, inputs.target_address),
            CallScheme::StaticCall => (CallKind::Static, inputs.caller, inputs.target_address),
            CallScheme::DelegateCall => (CallKind::Delegate, inputs.target_address, inputs.bytecode_address),
            CallScheme::CallCode => (CallKind::Code, inputs.target_address, inputs.bytecode_address),
        };
        let value = inputs.transfer_value().unwrap_or(U256::ZERO);
        let input = inputs.input.bytes(context);
        self.begin(Call { kind, from, to: Some(to), value, input, ..Call::default() });
        None
    }

    fn call_end(&mut self, _: &mut Ctx, _: &CallInputs, outcome: &mut CallOutcome) {
        self.end(outcome.result.result, &outcome.result.output, None);
    }

    fn create(&mut self, _: &mut Ctx, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        let (from, value, input) = (inputs.caller(), inputs.value(), inputs.init_code().clone());
        self.begin(Call { kind: CallKind::Create, from, to: None, value, input, ..Call::default() });
        None
    }

    fn create_end(&mut self, _: &mut Ctx, _: &CreateInputs, outcome: &mut CreateOutcome) {
        self.end(outcome.result.result, &outcome.result.output, outcome.address);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        let call = Call { kind: CallKind::SelfDestruct, from: contract, to: Some(target), value, ..Call::default() };
        self.begin(call);
        self.open.pop();
    }
}
