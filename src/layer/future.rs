//! Response future: the inner service's, or a rejection that is ready at once.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use bytes::Bytes;
use http::Response;
use pin_project_lite::pin_project;

use crate::layer::body::AuthBody;

pin_project! {
    /// Response future of [`CustomerAuth`](crate::CustomerAuth).
    pub struct ResponseFuture<F> {
        #[pin]
        kind: Kind<F>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F> {
        Inner { #[pin] future: F },
        Rejected { response: Option<Response<Bytes>> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn inner(future: F) -> Self {
        Self { kind: Kind::Inner { future } }
    }

    pub(super) const fn rejected(response: Response<Bytes>) -> Self {
        Self { kind: Kind::Rejected { response: Some(response) } }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<AuthBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project().kind.project() {
            KindProj::Inner { future } => {
                ready!(future.poll(cx)).map(|response| response.map(AuthBody::inner))
            }
            KindProj::Rejected { response } => {
                let response = response.take().expect("ResponseFuture polled after completion");
                Ok(response.map(AuthBody::rejected))
            }
        })
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
