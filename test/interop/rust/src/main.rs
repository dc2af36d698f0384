//! The steps of test/interop/messaging-clients.test.ts with the official Rust client, which has no
//! push consumer and cannot change an invisible duration.
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::time::Duration;

use rocketmq::conf::{ClientOption, ProducerOption, SimpleConsumerOption};
use rocketmq::model::common::{FilterExpression, FilterType};
use rocketmq::model::message::MessageBuilder;
use rocketmq::{Producer, SimpleConsumer};

fn client(endpoint: &str) -> ClientOption {
    let mut option = ClientOption::default();
    option.set_access_url(endpoint);
    option.set_enable_tls(false);
    option
}

async fn produce(endpoint: &str, topic: &str) -> Result<(), Box<dyn Error>> {
    let mut option = ProducerOption::default();
    option.set_topics(vec![topic]);
    let mut producer = Producer::new(option, client(endpoint))?;
    producer.start().await?;
    for i in 0..20 {
        let message = MessageBuilder::builder()
            .set_topic(topic)
            .set_tag(if i % 2 == 0 { "even" } else { "odd" })
            .set_keys(vec![format!("k{i}")])
            .set_properties(HashMap::from([("n", i.to_string())]))
            .set_body(format!("m{i}").into_bytes())
            .build()?;
        println!("sent {i} {}", producer.send(message).await?.message_id());
    }
    producer.shutdown().await?;
    Ok(())
}

async fn consume(endpoint: &str, topic: &str) -> Result<(), Box<dyn Error>> {
    let mut option = SimpleConsumerOption::default();
    option.set_consumer_group("rust-simple");
    option.set_topics(vec![topic]);
    let mut consumer = SimpleConsumer::new(option, client(endpoint))?;
    consumer.start().await?;
    let even = FilterExpression::new(FilterType::Tag, "even");
    // The shortest time that the service allows: an unacknowledged message comes again after it.
    let invisible = Duration::from_secs(10);
    let mut acked = HashSet::new();
    while acked.len() < 10 {
        for message in consumer.receive_with(topic, &even, 16, invisible).await? {
            let body = String::from_utf8(message.body().to_vec())?;
            let n = message.properties().get("n").cloned().unwrap_or_default();
            let attempt = message.delivery_attempt();
            println!(
                "simple {body} {attempt} {} {} {n} {}",
                message.tag().unwrap_or("-"),
                message.keys().join(","),
                message.message_id()
            );
            if body != "m0" || attempt > 1 {
                consumer.ack(&message).await?;
                acked.insert(body);
            }
        }
    }
    consumer.shutdown().await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    produce(&arguments[1], &arguments[2]).await?;
    consume(&arguments[1], &arguments[2]).await
}
