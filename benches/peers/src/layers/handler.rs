//! The bare service.

use std::convert::Infallible;
use std::future::Ready;
use std::future::ready;
use std::marker::PhantomData;
use std::task::Context;
use std::task::Poll;

use http::Extensions;
use http::Request;
use http::Response;
use http::StatusCode;
use tower::Layer;
use tower::Service;

/// A service that answers 200 to a request whose extensions have what is asked for, else 204.
///
/// `B` is the body that the layer around it knows.
#[derive(Debug)]
pub struct Handler<B> {
    has_identity: fn(&Extensions) -> bool,
    body: PhantomData<fn() -> B>,
}

impl<B> Handler<B> {
    pub fn new(has_identity: fn(&Extensions) -> bool) -> Self {
        Self { has_identity, body: PhantomData }
    }
}

impl<B> Clone for Handler<B> {
    fn clone(&self) -> Self {
        Self::new(self.has_identity)
    }
}

impl<B: Default> Service<Request<()>> for Handler<B> {
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Ready<Result<Response<B>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let found = (self.has_identity)(request.extensions());
        let mut response = Response::new(B::default());
        *response.status_mut() = if found { StatusCode::OK } else { StatusCode::NO_CONTENT };
        ready(Ok(response))
    }
}

/// A layer that does nothing but put values into the extensions.
pub struct Insert<F>(pub F);

impl<F: Clone, S> Layer<S> for Insert<F> {
    type Service = Inserting<F, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Inserting { insert: self.0.clone(), inner }
    }
}

pub struct Inserting<F, S> {
    insert: F,
    inner: S,
}

impl<F: Fn(&mut Extensions), S: Service<Request<()>>> Service<Request<()>> for Inserting<F, S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<()>) -> Self::Future {
        (self.insert)(request.extensions_mut());
        self.inner.call(request)
    }
}
