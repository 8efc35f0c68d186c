//! Two programs on one store: the second does not start, and says who has it; the first goes on.

use serde_json::json;

use crate::harness::{alert, on_every_store};

#[tokio::test]
async fn the_second_program_is_refused_by_name_and_no_page_is_lost() {
    on_every_store(async |deck| {
        if let Some(refused) = deck.second_program().await {
            let text = refused.unwrap_err();
            assert!(
                text.contains(" is in use by ") && text.contains(&format!("process {}", std::process::id())),
                "{text}"
            );
        }
        deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
        assert_eq!(deck.receiver.next().await.text("kind"), "page");
        deck.settled().await;
        deck.finish().await;
    })
    .await;
}
