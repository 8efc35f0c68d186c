//! The API's description is the one that is checked in, and has every route of the program.

use std::{collections::BTreeSet, fs, path::Path};

use quarterdeck_formats::FORMATS;
use quarterdeck_server::http::openapi;
use serde_json::Value;

#[test]
fn the_description_is_the_one_that_was_reviewed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    let (now, reviewed) = (openapi::text().unwrap(), fs::read_to_string(&path).unwrap());
    let (now, reviewed): (Vec<&str>, Vec<&str>) = (now.trim().lines().collect(), reviewed.trim().lines().collect());
    let same = now.iter().zip(&reviewed).take_while(|(now, reviewed)| now == reviewed).count();
    let show =
        |lines: &[&str]| lines.iter().skip(same.saturating_sub(3)).take(12).copied().collect::<Vec<_>>().join("\n");
    assert!(
        now == reviewed,
        "openapi.json differs from line {} on. Checked in:\n{}\nNow:\n{}\nRead the difference; then: \
         quarterdeck openapi > openapi.json",
        same + 1,
        show(&reviewed),
        show(&now),
    );
}

/// Every `.route("…")` below `src/http` stands in the description. The console's pages and the description itself do not.
#[test]
fn no_route_is_left_out_of_the_description() {
    let described: BTreeSet<String> = operations().into_iter().map(|(_, path)| path).collect();
    let mut routed = BTreeSet::new();
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http")).unwrap() {
        let source = fs::read_to_string(file.unwrap().path()).unwrap();
        routed.extend(source.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    assert!(routed.remove("/api/openapi.json"));
    // Each format is described by itself.
    assert!(routed.remove("/ingest/{format}"));
    routed.extend(FORMATS.iter().map(|format| format!("/ingest/{}", format.id())));
    assert!(routed.len() > 30, "{routed:?}");
    assert_eq!(routed, described);
}

#[test]
fn no_two_operations_have_one_name() {
    let description: Value = serde_json::from_str(&openapi::text().unwrap()).unwrap();
    let items = description["paths"].as_object().unwrap().values();
    let names: Vec<&str> = items
        .flat_map(|item| item.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    assert_eq!(names.len(), operations().len());
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
}

/// Method and path of every operation that is described.
pub(crate) fn operations() -> Vec<(String, String)> {
    let description: Value = serde_json::from_str(&openapi::text().unwrap()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in ["get", "put", "post", "delete", "patch", "head", "options", "trace"] {
            if item.get(method).is_some() {
                operations.push((method.to_owned(), path.clone()));
            }
        }
    }
    operations
}
