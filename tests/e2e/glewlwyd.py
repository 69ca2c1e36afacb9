"""Glewlwyd, an OpenID provider that we did not write, set up without a browser."""
import base64
import http.cookiejar
import json
import pathlib
import sqlite3
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from cryptography.hazmat.primitives import serialization

import ports
import timing
from pair import DIES_WITH_US

SCHEMA = pathlib.Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
CLIENT, SECRET = "reporter", "a-secret-of-the-test"

CONFIGURATION = """
port={port}
bind_address="127.0.0.1"
external_url="http://localhost:{port}"
login_url="login.html"
api_prefix="api"
log_mode="file"
log_level="INFO"
log_file="{folder}/glewlwyd.log"
cookie_secure=0
session_expiration=3600
session_key="SESSION"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
database = {{ type = "sqlite3" path = "{folder}/db" }};
"""


class Glewlwyd:
    """Serves until the end of the with. It signs with @key, an EC one on P-256.

        with Glewlwyd(folder, key, resources=["https://posts"], scopes=["read"]) as provider:
            token = provider.token("read", "https://posts")
    """

    def __init__(self, folder, key, resources, scopes):
        self.folder, self.key, self.resources, self.scopes = folder, key, resources, scopes
        self.root = f"http://localhost:{ports.free_port()}"
        self.url = self.root + "/api/oidc"
        self.http = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def __enter__(self):
        with sqlite3.connect(self.folder / "db") as db:
            db.executescript("PRAGMA synchronous = OFF; BEGIN;" + SCHEMA.read_text() + "COMMIT;")
        db.close()
        configuration = self.folder / "glewlwyd.conf"
        configuration.write_text(CONFIGURATION.format(port=self.root.rsplit(":", 1)[1],
                                                      folder=self.folder))
        self.process = subprocess.Popen([*DIES_WITH_US, "glewlwyd", "--config-file",
                                         str(configuration)], stdin=subprocess.DEVNULL)
        try:
            timing.wait_until(self.answers, "glewlwyd answers")
            self.set_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timing.STOP)

    def answers(self):
        assert self.process.poll() is None, self.log()
        try:
            self.http.open(self.root + "/config", timeout=timing.CALL).close()
            return True
        except urllib.error.URLError:
            return False

    def log(self):
        return (self.folder / "glewlwyd.log").read_text()

    def ask(self, request):
        try:
            with self.http.open(request, timeout=timing.CALL) as answer:
                return answer.read()
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{request.full_url}: {e} {e.read()}\n{self.log()}") from e

    def post(self, path, **body):
        self.ask(urllib.request.Request(f"{self.root}/api/{path}", json.dumps(body).encode(),
                                        {"Content-Type": "application/json"}))

    def set_up(self):
        """What its administrator would click together."""
        self.post("auth/", username="admin", password="password")
        self.post("mod/plugin/", module="oidc", name="oidc", display_name="oidc",
                  parameters=self.parameters())
        for scope in self.scopes:
            self.post("scope/", name=scope, display_name=scope, description=scope,
                      password_required=False, scheme={})
        self.post("client/?source=database", client_id=CLIENT, name=CLIENT, confidential=True,
                  enabled=True, password=SECRET, client_secret=SECRET, scope=self.scopes,
                  authorization_type=["client_credentials"], redirect_uri=[],
                  resource=self.resources, token_endpoint_auth_method=["client_secret_basic"])

    def parameters(self):
        private = self.key.private_bytes(serialization.Encoding.PEM,
                                         serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption())
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return {"iss": self.url, "jwt-type": "ecdsa", "jwt-key-size": "256",
                "key": private.decode(), "cert": public.decode(), "allow-non-oidc": True,
                "auth-type-client-enabled": True, "jwks-show": True, "resource-allowed": True,
                "resource-client-property": "resource", "access-token-duration": 600,
                "refresh-token-duration": 600, "code-duration": 60}

    def token(self, scope, resource):
        """By the client credentials grant."""
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        body = {"grant_type": "client_credentials", "scope": scope, "resource": resource}
        answer = self.ask(urllib.request.Request(
            f"{self.url}/token", urllib.parse.urlencode(body).encode(),
            {"Authorization": f"Basic {basic}"}))
        return json.loads(answer)["access_token"]
