// The probe that the kubelet runs for `livenessProbe: {grpc: ...}`, by its own package: ADDRESS SERVICE. Prints success, failure or unknown.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"k8s.io/kubernetes/pkg/probe/grpc"
)

func main() {
	host, text, err := net.SplitHostPort(os.Args[1])
	if err != nil {
		panic(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	result, output, err := grpc.New().Probe(host, os.Args[2], port, time.Second)
	fmt.Println(result, output, err)
}
