//! calc.proto on tonic, as its own examples are written, with mimalloc as its users have it.
//! Prints "listening PORT"; serves until it is killed. One thread, as every server here has one CPU:
//! the runtime of many takes half as much CPU again.
use std::pin::Pin;
use std::sync::Mutex;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

use calc::calc_server::{Calc, CalcServer};
use calc::{News, SumReply, SumRequest};

mod calc {
    tonic::include_proto!("bench");
}

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[derive(Default)]
struct Service {
    watchers: Mutex<Vec<mpsc::Sender<Result<News, Status>>>>,
}

#[tonic::async_trait]
impl Calc for Service {
    type CountStream = Replies<SumReply>;
    type EchoStream = Replies<SumReply>;
    type WatchStream = ReceiverStream<Result<News, Status>>;

    async fn sum(&self, request: Request<SumRequest>) -> Result<Response<SumReply>, Status> {
        let r = request.into_inner();
        Ok(Response::new(SumReply { sum: r.a.wrapping_add(r.b) }))
    }

    async fn count(&self, request: Request<SumRequest>) -> Result<Response<Self::CountStream>, Status> {
        let replies = (1..=request.into_inner().a).map(|sum| Ok(SumReply { sum }));
        Ok(Response::new(Box::pin(tokio_stream::iter(replies))))
    }

    async fn add(&self, request: Request<Streaming<SumRequest>>) -> Result<Response<SumReply>, Status> {
        let mut requests = request.into_inner();
        let mut sum = 0i32;
        while let Some(r) = requests.message().await? {
            sum = sum.wrapping_add(r.a).wrapping_add(r.b);
        }
        Ok(Response::new(SumReply { sum }))
    }

    async fn echo(&self, request: Request<Streaming<SumRequest>>) -> Result<Response<Self::EchoStream>, Status> {
        let replies = request.into_inner().map(|r| r.map(|r| SumReply { sum: r.a.wrapping_add(r.b) }));
        Ok(Response::new(Box::pin(replies)))
    }

    async fn watch(&self, _: Request<SumRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let (queue, news) = mpsc::channel(16);
        let _ = queue.try_send(Ok(News::default()));
        self.watchers.lock().unwrap().push(queue);
        Ok(Response::new(ReceiverStream::new(news)))
    }

    async fn publish(&self, request: Request<SumRequest>) -> Result<Response<SumReply>, Status> {
        let news = News { number: request.into_inner().a.into(), text: "n".repeat(100) };
        let mut told = 0;
        self.watchers.lock().unwrap().retain(|queue| {
            told += i32::from(queue.try_send(Ok(news.clone())).is_ok());
            !queue.is_closed()
        });
        Ok(Response::new(SumReply { sum: told }))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?.with_nodelay(Some(true));
    println!("listening {}", incoming.local_addr()?.port());
    Server::builder()
        .max_concurrent_streams(1000)
        .add_service(CalcServer::new(Service::default()))
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}
