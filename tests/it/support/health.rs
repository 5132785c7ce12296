//! gRPC calls of the service that the example serves: a health check that names the customer.

use std::net::SocketAddr;

use tonic::Code;
use tonic::Response;
use tonic::Status;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::HealthCheckResponse;

/// A socket on a port of its own.
pub(crate) fn listen() -> (TcpIncoming, SocketAddr) {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap();
    (incoming, address)
}

/// The customer that the server saw, or the code and message of its refusal.
pub(crate) fn customer_of(
    answer: Result<Response<HealthCheckResponse>, Status>,
) -> Result<String, (Code, String)> {
    match answer {
        Ok(response) => {
            Ok(response.metadata().get("customer").unwrap().to_str().unwrap().to_owned())
        }
        Err(status) => Err((status.code(), status.message().to_owned())),
    }
}
