// Texts as widespread clients, servers and proxies write them, with the labels that they get from the default.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "triage.hpp"

using namespace insights;

namespace {

constexpr const char *kTransient = "transient_endpoint_down";
constexpr const char *kPermanent = "permanent_4xx";
constexpr const char *kLimited = "rate_limited";
constexpr const char *kUnknown = "unknown";

struct Example {
  const char *text;
  const char *label;
};

const std::vector<Example> kExamples = {
    // libcurl and what is built on it: curl, PHP's Guzzle, Ruby's Typhoeus
    {"Couldn't resolve host name", kTransient},
    {"Could not resolve hostname", kTransient},
    {"curl: (5) Couldn't resolve proxy name", kTransient},
    {"Couldn't connect to server", kTransient},
    {"curl: (7) Failed to connect to hooks.example.com port 443 after 2 ms: Couldn't connect to server", kTransient},
    {"Empty reply from server", kTransient},
    {"Server returned nothing (no headers, no data)", kTransient},
    {"Timeout was reached", kTransient},
    {"curl: (28) Resolving timed out after 5000 milliseconds", kTransient},
    {"Failure when receiving data from the peer", kTransient},
    {"Failed sending data to the peer", kTransient},
    {"curl: (56) Recv failure: Connection was reset", kTransient},
    {"Send failure: Broken pipe", kTransient},
    {"SSL connect error", kTransient},
    {"OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to hooks.example.com:443", kTransient},
    {"HTTP/2 stream 1 was not closed cleanly: INTERNAL_ERROR (err 2)", kTransient},
    {"transfer closed with 812 bytes remaining to read", kTransient},
    {"Transferred a partial file", kTransient},
    {"curl: (22) The requested URL returned error: 503", kTransient},
    {"curl: (22) The requested URL returned error: 404", kPermanent},
    {"cURL error 52: Empty reply from server (see https://curl.example/libcurl-errors.html) for https://x.example/",
     kTransient},
    {"Client error: `POST https://x.example/hook` resulted in a `404 Not Found` response:", kPermanent},
    {"Server error: `POST https://x.example/hook` resulted in a `502 Bad Gateway` response:", kTransient},
    {"operation_timedout", kTransient},
    {"couldnt_resolve_host", kTransient},
    {"SSL certificate problem: unable to get local issuer certificate", kUnknown},
    {"SSL peer certificate or SSH remote key was not OK", kUnknown},
    {"URL using bad/illegal format or missing URL", kUnknown},
    // Go
    {"Post \"https://x.example/hook\": EOF", kTransient},
    {"unexpected EOF", kTransient},
    {"Post \"https://x.example\": dial tcp: lookup x.example on 10.0.0.2:53: no such host", kTransient},
    {"dial tcp: lookup x.example on 10.0.0.2:53: server misbehaving", kTransient},
    {"dial tcp 10.1.2.3:443: i/o timeout", kTransient},
    {"dial tcp 10.1.2.3:443: connect: host is down", kTransient},
    {"dial tcp [2001:db8::1]:443: connect: network is unreachable", kTransient},
    {"dial tcp 10.1.2.3:443: connect: no route to host", kTransient},
    {"http: server closed idle connection", kTransient},
    {"http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=\"\"", kTransient},
    {"http2: client connection lost", kTransient},
    {"stream error: stream ID 3; INTERNAL_ERROR; received from peer", kTransient},
    {"net/http: HTTP/1.x transport connection broken: malformed HTTP status code \"x\"", kTransient},
    {"net/http: TLS handshake timeout", kTransient},
    {"context deadline exceeded", kTransient},
    {"rpc error: code = DEADLINE_EXCEEDED", kTransient},
    {"write tcp 10.0.0.1:51042->10.1.2.3:443: use of closed network connection", kTransient},
    {"context canceled", kUnknown},
    {"tls: failed to verify certificate: x509: certificate signed by unknown authority", kUnknown},
    {"unsupported protocol scheme \"\"", kUnknown},
    // Node: its sockets, undici, node-fetch, axios, got
    {"fetch failed", kTransient},
    {"TypeError: fetch failed", kTransient},
    {"TypeError: terminated", kTransient},
    {"SocketError: other side closed", kTransient},
    {"UND_ERR_SOCKET", kTransient},
    {"ConnectTimeoutError: Connect Timeout Error (attempted address: x.example:443, timeout: 10000ms)", kTransient},
    {"HeadersTimeoutError: Headers Timeout Error", kTransient},
    {"request to https://x.example/ failed, reason: connect EHOSTUNREACH 10.1.2.3:443", kTransient},
    {"connect ENETUNREACH 2001:db8::1:443 - Local (:::0)", kTransient},
    {"getaddrinfo EAI_AGAIN x.example", kTransient},
    {"queryA ESERVFAIL x.example", kTransient},
    {"ESOCKETTIMEDOUT", kTransient},
    {"read ETIMEDOUT", kTransient},
    {"ECONNABORTED", kTransient},
    {"Client network socket disconnected before secure TLS connection was established", kTransient},
    {"Invalid response body while trying to fetch https://x.example/: Premature close", kTransient},
    {"net::ERR_NAME_NOT_RESOLVED", kTransient},
    {"net::ERR_CONNECTION_REFUSED", kTransient},
    {"AxiosError: Request failed with status code 422", kPermanent},
    {"HTTPError: Response code 503 (Service Unavailable)", kTransient},
    {"self-signed certificate in certificate chain", kUnknown},
    {"Invalid URL", kUnknown},
    {"Unexpected token < in JSON at position 0", kUnknown},
    // Python: requests and urllib3, httpx, aiohttp
    {"HTTPSConnectionPool(host='x.example', port=443): Max retries exceeded with url: /h (Caused by "
     "NameResolutionError(\"<urllib3.connection.HTTPSConnection object at 0x7f>: Failed to resolve 'x.example' "
     "([Errno -2] Name or service not known)\"))",
     kTransient},
    {"('Connection broken: IncompleteRead(0 bytes read, 512 more expected)', IncompleteRead(0 bytes read))",
     kTransient},
    {"Response ended prematurely", kTransient},
    {"EOF occurred in violation of protocol (_ssl.c:1007)", kTransient},
    {"RemoteDisconnected('Remote end closed connection without response')", kTransient},
    {"<urlopen error [Errno 101] Network is unreachable>", kTransient},
    {"All connection attempts failed", kTransient},
    {"peer closed connection without sending complete message body (incomplete chunked read)", kTransient},
    {"ReadError('')", kTransient},
    {"httpx.ConnectError", kTransient},
    {"httpx.PoolTimeout", kTransient},
    {"Server disconnected", kTransient},
    {"<ConnectionTerminated error_code:0, last_stream_id:19, additional_data:None>", kTransient},
    {"Cannot connect to host x.example:443 ssl:default [Connect call failed ('10.1.2.3', 443)]", kTransient},
    {"Cannot connect to host x.example:443 ssl:default [Domain name not found]", kTransient},
    {"DNS server returned answer with no data", kTransient},
    {"Response payload is not completed", kTransient},
    {"Cannot write to closing transport", kTransient},
    {"Connection lost", kTransient},
    {"socket.gaierror: [Errno -3] Temporary failure in name resolution", kTransient},
    {"404 Client Error: Not Found for url: https://x.example/hook", kPermanent},
    {"429 Client Error: Too Many Requests for url: https://x.example/hook", kLimited},
    {"503, message='Service Unavailable', url='https://x.example/hook'", kTransient},
    {"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1007)", kUnknown},
    {"Exceeded 30 redirects.", kUnknown},
    {"No connection adapters were found for 'htp://x.example'", kUnknown},
    // Ruby
    {"execution expired", kTransient},
    {"Net::OpenTimeout", kTransient},
    {"Net::ReadTimeout with #<TCPSocket:(closed)>", kTransient},
    {"end of file reached", kTransient},
    {"Failed to open TCP connection to x.example:443 (Hostname not known: x.example)", kTransient},
    {"SSL_connect SYSCALL returned=5 errno=0 state=SSLv3/TLS write client hello", kTransient},
    {"Errno::ECONNRESET: Connection reset by peer", kTransient},
    {"RestClient::ServerBrokeConnection", kTransient},
    {"the server responded with status 410", kPermanent},
    {"Faraday::ConnectionFailed", kTransient},
    {"SSL_connect returned=1 errno=0 state=error: certificate verify failed", kUnknown},
    // .NET
    {"No such host is known. (x.example:443)", kTransient},
    {"No connection could be made because the target machine actively refused it. (x.example:443)", kTransient},
    {"A connection attempt failed because the connected party did not properly respond after a period of time",
     kTransient},
    {"An existing connection was forcibly closed by the remote host.", kTransient},
    {"The response ended prematurely.", kTransient},
    {"An error occurred while sending the request.", kTransient},
    {"The request was canceled due to the configured HttpClient.Timeout of 100 seconds elapsing.", kTransient},
    {"A task was canceled.", kTransient},
    {"Unable to connect to the remote server", kTransient},
    {"The remote name could not be resolved: 'x.example'", kTransient},
    {"The underlying connection was closed: An unexpected error occurred on a receive.", kTransient},
    {"The SSL connection could not be established, see inner exception.", kTransient},
    {"Resource temporarily unavailable (x.example:443)", kTransient},
    {"A socket operation was attempted to an unreachable host.", kTransient},
    {"Response status code does not indicate success: 400 (Bad Request).", kPermanent},
    {"Response status code does not indicate success: 500 (Internal Server Error).", kTransient},
    {"The remote server returned an error: (404) Not Found.", kPermanent},
    {"The remote certificate is invalid according to the validation procedure.", kUnknown},
    // Java: the JDK's client, Apache's, OkHttp, Netty
    {"java.net.ConnectException", kTransient},
    {"java.net.NoRouteToHostException", kTransient},
    {"java.net.UnknownHostException: x.example", kTransient},
    {"java.net.SocketException: Unexpected end of file from server", kTransient},
    {"java.io.EOFException: \\n not found: limit=0 content=", kTransient},
    {"java.io.IOException: unexpected end of stream on https://x.example/...", kTransient},
    {"org.apache.http.NoHttpResponseException: x.example:443 failed to respond", kTransient},
    {"HTTP/1.1 header parser received no bytes", kTransient},
    {"java.nio.channels.ClosedChannelException", kTransient},
    {"Software caused connection abort: socket write error", kTransient},
    {"reactor.netty.http.client.PrematureCloseException: Connection prematurely closed BEFORE response", kTransient},
    {"okhttp3.internal.http2.StreamResetException: stream was reset: REFUSED_STREAM", kTransient},
    {"Failed to connect to x.example/10.1.2.3:443", kTransient},
    {"Unable to resolve host \"x.example\"", kTransient},
    {"javax.net.ssl.SSLHandshakeException: Remote host terminated the handshake", kTransient},
    {"Server returned HTTP response code: 401 for URL: https://x.example/hook", kPermanent},
    {"Illegal character in path at index 12: https://x.exa mple", kUnknown},
    // Elixir and Erlang: Mint, Finch, hackney, httpc
    {"%Mint.TransportError{reason: :closed}", kTransient},
    {"%Mint.TransportError{reason: :nxdomain}", kTransient},
    {"%Mint.TransportError{reason: :econnrefused}", kTransient},
    {"%Mint.TransportError{reason: {:tls_alert, {:handshake_failure, ~c\"TLS client: In state hello\"}}}", kTransient},
    {"socket closed", kTransient},
    {"non-existing domain", kTransient},
    {"%Finch.Error{reason: :disconnected}", kTransient},
    {"%HTTPoison.Error{id: nil, reason: :connect_timeout}", kTransient},
    {"{:error, :closed}", kTransient},
    {"{:failed_connect, [{:to_address, {~c\"x.example\", 443}}, {:inet, [:inet], :ehostunreach}]}", kTransient},
    {":socket_closed_remotely", kTransient},
    {"{:error, :invalid_uri}", kUnknown},
    // Rust
    {"error sending request for url (https://x.example/hook)", kTransient},
    {"client error (Connect): tcp connect error: No route to host (os error 113)", kTransient},
    {"dns error: failed to lookup address information: Name or service not known", kTransient},
    {"connection closed before message completed", kTransient},
    {"hyper::Error(IncompleteMessage)", kTransient},
    // proxies and servers
    {"upstream connect error or disconnect/reset before headers. reset reason: connection failure", kTransient},
    {"no healthy upstream", kTransient},
    {"<html><head><title>504 Gateway Time-out</title></head></html>", kTransient},
    {"<html><head><title>404 Not Found</title></head><body>nginx</body></html>", kPermanent},
    {"<h1>Gateway Time-out</h1>", kTransient},
    {"The server is temporarily unavailable", kTransient},
    {"{\"message\":\"API rate limit exceeded\"}", kLimited},
    {"RATE_LIMIT_EXCEEDED", kLimited},
    {"ThrottlingException: Rate exceeded", kLimited},
    {"com.example.TooManyRequestsException", kLimited},
};

// Words of which ours are only a part.
const std::vector<const char *> kParts = {
    "adns2 is not a plugin",
    "the endnsx field is missing",
    "dnssec is not wanted",
    "undisconnectedness",
    "handshaken",
    "geofence is off",
    "eofile",
    "prethrottled",
    "unknown hostage",
    "abadgateway",
    "epiperson",
    "\xc3\xa4"
    "dns",
    "dns\xc3\xa4",
    "nonxdomain",
    "the broken pipeline",
    "the prefetch failedover",
};

std::string label_of(const char *status, const std::string &text) {
  return classify({status, kNoHttpStatus, text}, TriageMethod::kDefault).label();
}

}  // namespace

TEST(TriageTexts, HaveTheirLabels) {
  EXPECT_GE(kExamples.size(), 150U);
  for (const Example &example : kExamples) EXPECT_EQ(label_of("failed", example.text), example.label) << example.text;
}

TEST(TriageTexts, SayNothingOfWhatWasDelivered) {
  for (const Example &example : kExamples) {
    for (const char *status : {"delivered", "SUCCESS", "ok"}) {
      const Triage decided = classify({status, kNoHttpStatus, example.text}, TriageMethod::kDefault);
      EXPECT_EQ(decided.rule, TriageRule::kNothing) << status << ": " << example.text;
    }
  }
}

TEST(TriageTexts, AreKnownByWholeWordsOnly) {
  for (const char *text : kParts) EXPECT_EQ(label_of("failed", text), kUnknown) << text;
}

TEST(TriageTexts, NamesAreWords) {
  for (const char *text : {"SSLHandshakeException", "sslHandshake", "DNSError", "myDNS", "HANDSHAKE_FAILURE", "is_eof",
                           "dns2", "v3handshake", "ConnectionReset", "connection_reset", "CONNECTION_RESET"}) {
    EXPECT_EQ(label_of("failed", text), kTransient) << text;
  }
  EXPECT_EQ(label_of("failed", "connectionreset"), kUnknown);
  EXPECT_EQ(label_of("failed", "connection-reset"), kUnknown);
}

TEST(TriageTexts, AreReadUpToTheEndOfAWord) {
  const std::string filler(kTriagedBytes - 8, '.');
  EXPECT_EQ(label_of("failed", filler + " timeout"), kTransient);
  EXPECT_EQ(label_of("failed", filler + " timeouts"), kUnknown);
  EXPECT_EQ(label_of("failed", filler + "  timeout"), kUnknown);
  EXPECT_EQ(label_of("failed", "timeout " + std::string(100 * kTriagedBytes, 'x')), kTransient);
  EXPECT_EQ(label_of("failed", std::string(100 * kTriagedBytes, 'x') + " timeout"), kUnknown);
  // 503 of 5031
  EXPECT_EQ(label_of("failed", std::string(kTriagedBytes - 8, '.') + "HTTP 5031 things"), kUnknown);
  // The original reads all.
  const std::string late = std::string(100 * kTriagedBytes, 'x') + " timeout";
  EXPECT_STREQ(classify({"failed", kNoHttpStatus, late}, TriageMethod::kReference).label(), kTransient);
}
