//! Customer authentication for a tonic service, in one line:
//! `CUSTOMER_TOKEN_SECRET=$(openssl rand -hex 32) cargo run --example grpc`.

use tonic::Request;
use tonic::Response;
use tonic::Status;
use tonic::codegen::BoxStream;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::HealthCheckResponse;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::health_server::HealthServer;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::KeyRing;
use tower_customer_auth::Verifier;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// The standard health check, which tells the caller who they are.
pub(crate) struct WhoAmI;

#[tonic::async_trait]
impl Health for WhoAmI {
    type WatchStream = BoxStream<HealthCheckResponse>;
    async fn check(
        &self,
        call: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let customer = call.extensions().get::<CustomerId>();
        let customer = customer.ok_or_else(|| Status::internal("there is no layer"))?.to_string();
        let mut response = Response::new(HealthCheckResponse::default());
        response.metadata_mut().insert("customer", customer.parse().expect("printable ASCII"));
        Ok(response)
    }

    async fn watch(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("only `check` is served"))
    }
}

pub(crate) async fn serve(keys: KeyRing, incoming: TcpIncoming) -> Result<()> {
    Ok(Server::builder()
        .layer(CustomerAuthLayer::required(Verifier::new(keys))) // this one
        .add_service(HealthServer::new(WhoAmI))
        .serve_with_incoming(incoming)
        .await?)
}

#[tokio::main]
#[allow(dead_code, reason = "tests/grpc.rs takes the rest of this file")]
async fn main() -> Result<()> {
    let keys = KeyRing::hs256(std::env::var("CUSTOMER_TOKEN_SECRET")?)?;
    serve(keys, TcpIncoming::bind("127.0.0.1:50051".parse()?)?).await
}
