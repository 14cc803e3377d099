// The services of calc.proto on grpc-go, written as its own examples are. Prints "listening PORT".
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"sync"

	"google.golang.org/grpc"

	"csvc.test/bench/calc"
)

type server struct {
	calc.UnimplementedCalcServer
	mu       sync.Mutex
	watchers map[chan *grpc.PreparedMsg]grpc.ServerStream
}

func (s *server) Sum(_ context.Context, r *calc.SumRequest) (*calc.SumReply, error) {
	return &calc.SumReply{Sum: r.A + r.B}, nil
}

func (s *server) Count(r *calc.SumRequest, out grpc.ServerStreamingServer[calc.SumReply]) error {
	for i := int32(1); i <= r.A; i++ {
		if err := out.Send(&calc.SumReply{Sum: i}); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) Add(in grpc.ClientStreamingServer[calc.SumRequest, calc.SumReply]) error {
	sum := int32(0)
	for {
		r, err := in.Recv()
		if err == io.EOF {
			return in.SendAndClose(&calc.SumReply{Sum: sum})
		}
		if err != nil {
			return err
		}
		sum += r.A + r.B
	}
}

func (s *server) Echo(both grpc.BidiStreamingServer[calc.SumRequest, calc.SumReply]) error {
	for {
		r, err := both.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err = both.Send(&calc.SumReply{Sum: r.A + r.B}); err != nil {
			return err
		}
	}
}

func (s *server) Watch(_ *calc.SumRequest, out grpc.ServerStreamingServer[calc.News]) error {
	queue := make(chan *grpc.PreparedMsg, 16)
	s.mu.Lock()
	s.watchers[queue] = out
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.watchers, queue)
		s.mu.Unlock()
	}()
	if err := out.Send(&calc.News{}); err != nil {
		return err
	}
	for {
		select {
		case m := <-queue:
			if err := out.SendMsg(m); err != nil {
				return err
			}
		case <-out.Context().Done():
			return nil
		}
	}
}

// Packed once for all who watch.
func (s *server) Publish(_ context.Context, r *calc.SumRequest) (*calc.SumReply, error) {
	told := int32(0)
	news := &calc.News{Number: int64(r.A), Text: strings.Repeat("n", 100)}
	packed := &grpc.PreparedMsg{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for queue, out := range s.watchers {
		if told == 0 {
			if err := packed.Encode(out, news); err != nil {
				return nil, err
			}
		}
		select {
		case queue <- packed:
			told++
		default:
		}
	}
	return &calc.SumReply{Sum: told}, nil
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	s := grpc.NewServer()
	calc.RegisterCalcServer(s, &server{watchers: map[chan *grpc.PreparedMsg]grpc.ServerStream{}})
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(s.Serve(listener))
}
