// Package dial connects to nanokv as a client should.
package dial

import (
	"fmt"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Retrying makes a connection, in plain text, that retries what is safe to
// retry, as the service config in the file says. It connects at the first call.
func Retrying(serviceConfigFile, address string, more ...grpc.DialOption) (*grpc.ClientConn, error) {
	serviceConfig, err := os.ReadFile(serviceConfigFile)
	if err != nil {
		return nil, fmt.Errorf("the retry service config: %w", err)
	}
	return grpc.NewClient(address, append(more,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(string(serviceConfig)),
	)...)
}
