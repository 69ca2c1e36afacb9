"""An issuer of tokens in the test's own process: keys, a key set by HTTP, JWTs."""
import base64
import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

AUDIENCE = "posts"
CONFIGURATION, KEYS = "/.well-known/openid-configuration", "/keys"


def new_key(algorithm):
    if algorithm.startswith("ES"):
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(key, kid):
    kind = jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else \
        jwt.algorithms.RSAAlgorithm
    text = kind.to_jwk(key.public_key()) if kind is jwt.algorithms.RSAAlgorithm else \
        ec_jwk(key.public_key())
    return {**json.loads(text), "kid": kid, "use": "sig", "key_ops": ["verify"]}


def ec_jwk(public):
    """PyJWT 2.6 cannot do it."""
    numbers = public.public_numbers()
    return json.dumps({"kty": "EC", "crv": "P-256", "x": encode(numbers.x.to_bytes(32, "big")),
                       "y": encode(numbers.y.to_bytes(32, "big"))})


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Serves until the end of the with.

        with Issuer() as issuer:
            token = issuer.token(scope="read")
            issuer.answers[KEYS] = (503, b"")    what a path answers instead
            issuer.asked[KEYS]                   how often it was
    """

    def __init__(self, certificate=None):
        self.keys = {}
        self.answers, self.asked = {}, {}
        self.add_key("first")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://localhost:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def handler(issuer):  # the handler has a self of its own
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked[self.path] = issuer.asked.get(self.path, 0) + 1
                status, body, *headers = issuer.answer(self.path)
                self.send_response(status)
                for header in headers:
                    self.send_header(*header)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler

    def answer(self, path):
        if path in self.answers:
            return self.answers[path]
        documents = {
            CONFIGURATION: {"issuer": self.url, "jwks_uri": self.url + KEYS},
            KEYS: {"keys": [public_jwk(key, kid) for kid, (key, _) in self.keys.items()]},
        }
        if path not in documents:
            return 404, b""
        return 200, json.dumps(documents[path]).encode()

    def add_key(self, kid, algorithm="ES256"):
        self.keys[kid] = (new_key(algorithm), algorithm)

    def claims(self, **more):
        """None takes a claim away."""
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "exp": time.time() + 600,
                  "scope": "read", **more}
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, kid="first", key=None, algorithm=None, **more):
        """Signed with the key of this id, or another."""
        if key is None:
            key, algorithm = self.keys[kid]
        return jwt.encode(self.claims(**more), key, algorithm, headers={"kid": kid} if kid else {})

    def unsigned(self):
        return jwt.encode(self.claims(), None, "none")

    def signed_with_the_public_key(self, kid):
        """HS256, with what everybody knows as the secret."""
        public = self.keys[kid][0].public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        text = ".".join(encode(json.dumps(part).encode()) for part in
                        ({"alg": "HS256", "typ": "JWT", "kid": kid}, self.claims()))
        return text + "." + encode(hmac.digest(public, text.encode(), hashlib.sha256))


def hash_line(token, name="ann", expires="never", scopes="read"):
    """Of a --token-file."""
    return f"{hashlib.sha256(token.encode()).hexdigest()} {name} {expires} {scopes}\n"
