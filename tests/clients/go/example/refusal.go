package main

import (
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// refusal is what an error of nanokv must say. Other metadata may be there.
type refusal struct {
	code     codes.Code
	reason   string
	metadata map[string]string
}

// expect gives the message of err, the refusal of a call.
func (want refusal) expect(err error) (string, error) {
	if err == nil {
		return "", fmt.Errorf("expected %v %s, got an answer", want.code, want.reason)
	}
	got := status.Convert(err)
	if got.Code() != want.code {
		return "", fmt.Errorf("expected %v, got %v: %s", want.code, got.Code(), got.Message())
	}
	info := errorInfo(got)
	if info == nil {
		return "", fmt.Errorf("expected an ErrorInfo in the details of %v", err)
	}
	if info.Domain != "nanokv" {
		return "", fmt.Errorf("expected domain nanokv, got %q", info.Domain)
	}
	if err := want.expectWords(info.Reason, got.Message(), info.Metadata); err != nil {
		return "", err
	}
	return got.Message(), nil
}

// expectWords is for both forms of an error: the status of a call, and the
// Failure inside the results of a Batch.
func (want refusal) expectWords(reason, message string, metadata map[string]string) error {
	if reason != want.reason {
		return fmt.Errorf("expected reason %s, got %q", want.reason, reason)
	}
	if !strings.HasPrefix(message, want.reason) {
		return fmt.Errorf("expected a message that begins with %s, got %q", want.reason, message)
	}
	for name, value := range want.metadata {
		if metadata[name] != value {
			return fmt.Errorf("expected metadata %s=%s, got %v", name, value, metadata)
		}
	}
	return nil
}

// errorInfo is what tells programs why, if the error carries it.
func errorInfo(s *status.Status) *errdetails.ErrorInfo {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info
		}
	}
	return nil
}
