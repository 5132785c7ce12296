//! A real tonic client against tonic servers, over HTTP/2 on loopback.

use std::net::SocketAddr;

use tonic::Code;
use tonic::Request;
use tonic::metadata::MetadataValue;
use tonic::service::LayerExt;
use tonic::transport::Endpoint;
use tonic::transport::Server;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::HealthServer;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::testing::TestToken;

use crate::fixtures::CUSTOMER;
use crate::fixtures::TOKEN_HEADER;
use crate::fixtures::compact;
use crate::fixtures::expired_token;
use crate::fixtures::good_token;
use crate::fixtures::keys;
use crate::fixtures::verifier;
use crate::grpc_example as example;
use crate::support::health::customer_of;
use crate::support::health::listen;

/// The customer that the server saw, or the code and message of its refusal.
async fn who_am_i(server: SocketAddr, tokens: &[&str]) -> Result<String, (Code, String)> {
    let channel = Endpoint::try_from(format!("http://{server}")).unwrap().connect().await.unwrap();
    let mut client = HealthClient::new(channel);
    let mut call = Request::new(HealthCheckRequest::default());
    for token in tokens {
        let token = MetadataValue::try_from(*token).unwrap();
        call.metadata_mut().append(TOKEN_HEADER, token);
    }
    customer_of(client.check(call).await)
}

#[tokio::test]
async fn the_example_serves_customers_and_nobody_else() {
    let (incoming, address) = listen();
    tokio::spawn(example::serve(keys(), incoming));

    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let token = compact(&TestToken::new(CUSTOMER, now.as_secs()));
    assert_eq!(who_am_i(address, &[&token]).await, Ok(CUSTOMER.to_owned()));
    let missing = "A customer token is required".to_owned();
    assert_eq!(who_am_i(address, &[]).await, Err((Code::Unauthenticated, missing)));
}

#[tokio::test]
async fn around_one_service_alone_the_layer_refuses_in_grpc_terms() {
    let (incoming, address) = listen();
    let layer = CustomerAuthLayer::required(verifier());
    let service = layer.named_layer(HealthServer::new(example::WhoAmI));
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));

    let good = good_token();
    assert_eq!(who_am_i(address, &[&good]).await, Ok(CUSTOMER.to_owned()));
    for (tokens, message) in [
        (vec![], "A customer token is required"),
        (vec![expired_token()], "The customer token has expired"),
        (vec!["a.b.c".to_owned()], "The customer token is invalid"),
        (vec![good.clone(), good.clone()], "The customer token is invalid"),
    ] {
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let refused = Err((Code::Unauthenticated, message.to_owned()));
        assert_eq!(who_am_i(address, &tokens).await, refused);
    }
}
