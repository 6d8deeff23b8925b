"""Laws of authentication with the real CLI: a made-up login, a made-up cloud, everything on loopback."""

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.backends.cli_start import cli_folder
from harness.backends.login import LoginHome, LoginSupply, Renewal
from harness.base.clock import SystemClock
from harness.core.work import AttemptSpec
from harness.executors.bubblewrap import Bubblewrap
from harness.executors.local import LocalExecutor
from harness.executors.running_attempt import Tools
from harness.rehearsal.process import RehearsalServer
from tests.executors.conftest import nothing_good

if TYPE_CHECKING:
    from tests.executors.conftest import Bench

pytestmark = pytest.mark.linux

ACCESS = "sk-ant-oat01-made-up-access-canary"
REFRESH = "sk-ant-ort01-made-up-refresh-canary"
FRESH = "sk-ant-oat01-made-up-fresh"
SCENE = """
from harness.rehearsal.scene import Records, Text, Tool, InjectedFault, Turn

def scene(ask):
    good = Records([{"id": id_} for id_ in ask.ids])
    if ask.ids[0] == "limit":
        return InjectedFault("limit", times=None, then=good)
    if ask.turn == 0:
        return Turn([Tool("Bash", {"command": "cat $CLAUDE_CONFIG_DIR/.credentials.json; ls -a $HOME / ; env"})])
    return good
"""


def log_in(folder: Path, ends: datetime) -> LoginHome:
    config = folder / "config"
    config.mkdir()
    told = {
        "accessToken": ACCESS,
        "refreshToken": REFRESH,
        "expiresAt": int(ends.timestamp() * 1000),
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
    }
    (config / ".credentials.json").write_text(json.dumps({"claudeAiOauth": told}))
    environ = {"CLAUDE_CONFIG_DIR": str(config), "PATH": os.defpath}
    return LoginHome.of(environ, folder)


def supply_of(home: LoginHome, folder: Path, base_url: str | None = None) -> LoginSupply:
    login = home.read()
    assert login is not None
    renewal = Renewal(cli_folder() / "claude", folder / "state" / "login.lock", timedelta(minutes=21))
    return LoginSupply(home, renewal, login, base_url)


def a_session(bench: "Bench", *ids: str, **session: Any) -> AttemptSpec:
    changes: dict[str, Any] = {"backend": "claude", "model": "sonnet", "command": (), "tools": ("Bash", "Write")}
    return bench.attempt(replace(bench.job().phases[0].session, **(changes | session)), ids)


def executor(bench: "Bench", supply: LoginSupply | None, environ: dict[str, str]) -> LocalExecutor:
    return LocalExecutor(
        job=bench.job(),
        tools=Tools(bench.store, SystemClock(), nothing_good),
        containment=Bubblewrap("bwrap"),
        guardian=bench.guardian,
        credential=supply,
        environ={"PATH": os.environ["PATH"], **environ},
    )


def test_a_session_on_a_login_never_sees_a_refresh_token_and_meets_limits_as_a_plan_does(
    bench: "Bench", tmp_path: Path
) -> None:
    home = log_in(tmp_path, datetime.now(UTC) + timedelta(hours=8))
    (bench.folder / "scene.py").write_text(SCENE)
    specs = [a_session(bench, "look"), a_session(bench, "limit")]

    async def playing() -> list[Any]:
        server = await RehearsalServer.start(bench.job().state, bench.folder / "scene.py")
        try:
            runner = executor(bench, supply_of(home, tmp_path, server.url), {})
            return [await runner.run(spec, bench.hear) for spec in specs]
        finally:
            await server.stop()

    fine, limited = asyncio.run(playing())
    assert fine.fault is None
    assert limited.fault is not None
    assert limited.fault.kind == "usage_limit"
    assert limited.fault.until is not None
    left = [path for spec in specs for path in spec.folder.rglob("*") if path.is_file()]
    assert left
    for path in left:
        content = path.read_bytes()
        assert REFRESH.encode() not in content, path
        assert ACCESS.encode() not in content, path
    assert REFRESH in (home.folder / ".credentials.json").read_text(), "and the login is as it was"


class Authority:
    """A certificate authority that nobody knows, for one test."""

    def __init__(self, folder: Path, *names: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made up")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.certificate = folder / "authority.pem"
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        secret = folder / "authority.key"
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, secret)


class Provider:
    """A proxy on loopback that answers for every host itself; what was asked is in `asked`, as (host, line, body)."""

    def __init__(self, authority: Authority | None) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.heads: list[str] = []
        self._authority = authority

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = "direct"
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                line = head.split("\r\n")[0]
                if line.startswith("CONNECT "):
                    assert self._authority is not None
                    host = line.split()[1]
                    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    await writer.drain()
                    await writer.start_tls(self._authority.context)
                    continue
                size = next(
                    (int(each.split(":")[1]) for each in head.lower().split("\r\n") if "content-length:" in each), 0
                )
                self.heads.append(head)
                self.asked.append((host, line, (await reader.readexactly(size)).decode()))
                status, answer = _answer(line)
                body = json.dumps(answer).encode()
                kind = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
                writer.write(f"HTTP/1.1 {status} so\r\n{kind}".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()


def _answer(line: str) -> tuple[int, dict[str, Any]]:
    if "/oauth/token" in line:
        told = {"token_type": "Bearer", "access_token": FRESH, "refresh_token": "made-up-2", "expires_in": 28800}
        return 200, {**told, "scope": "user:inference user:profile"}
    return 403, {"type": "error", "error": {"type": "permission_error", "message": "made up"}}


@pytest.mark.parametrize(("left", "renewals"), [(timedelta(minutes=4), 1), (timedelta(minutes=10), 0)])
def test_auth_status_renews_a_login_in_its_last_minutes_and_asks_no_model(
    tmp_path: Path, left: timedelta, renewals: int
) -> None:
    """What the renewal rests on; a CLI that changes this is noticed here."""
    provider = Provider(Authority(tmp_path, "platform.claude.com", "api.anthropic.com"))
    home = log_in(tmp_path, datetime.now(UTC) + left)

    async def renewing() -> None:
        async with provider.serving() as proxy:
            given = {"HTTPS_PROXY": proxy, "NODE_EXTRA_CA_CERTS": str(tmp_path / "authority.pem")}
            reached = replace(home, environ={**home.environ, **given})
            await reached.renew(cli_folder() / "claude", tmp_path / "state" / "login.lock")

    asyncio.run(renewing())
    asked = [line for _, line, _ in provider.asked]
    assert len([line for line in asked if "/oauth/token" in line]) == renewals
    assert not [line for line in asked if "/v1/messages" in line]
    login = home.read()
    assert login is not None
    assert login.token == (FRESH if renewals else ACCESS)
    assert login.ends is not None
    assert (login.ends > datetime.now(UTC) + timedelta(hours=7)) is bool(renewals)


def test_a_session_asks_the_cloud_that_the_manifest_names_with_what_the_environment_holds(
    bench: "Bench", tmp_path: Path
) -> None:
    provider = Provider(None)
    secret = "made-up-bedrock-canary"

    async def asking() -> AttemptSpec:
        async with provider.serving() as address:
            env = {
                "CLAUDE_CODE_USE_BEDROCK": "1",
                "AWS_REGION": "eu-west-1",
                "ANTHROPIC_BEDROCK_BASE_URL": address,
                "AWS_BEARER_TOKEN_BEDROCK": "$TOKEN",
            }
            spec = a_session(bench, "a", env=env)
            ending = await executor(bench, None, {"TOKEN": secret, "ANTHROPIC_API_KEY": ACCESS}).run(spec, bench.hear)
            assert ending.fault is not None
            return spec

    spec = asyncio.run(asking())
    assert any(line.startswith("POST /model/") for _, line, _ in provider.asked), provider.asked
    assert any(f"authorization: bearer {secret}" in head.lower() for head in provider.heads)
    assert not any(ACCESS in head for head in provider.heads)
    assert not [path for path in spec.folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def test_a_proxy_and_an_own_authority_reach_a_session(bench: "Bench", tmp_path: Path) -> None:
    """Both are named in `session.env`; the certificate lies outside everything else that a session sees."""
    provider = Provider(Authority(tmp_path, "api.anthropic.com"))

    async def asking() -> None:
        async with provider.serving() as proxy:
            env = {"HTTPS_PROXY": "$PROXY", "NODE_EXTRA_CA_CERTS": str(tmp_path / "authority.pem")}
            supply = supply_of(log_in(tmp_path, datetime.now(UTC) + timedelta(hours=8)), tmp_path)
            spec = a_session(bench, "a", env=env)
            await executor(bench, supply, {"PROXY": proxy}).run(spec, bench.hear)

    asyncio.run(asking())
    hosts = {(host, line.split("?")[0]) for host, line, _ in provider.asked}
    assert ("api.anthropic.com:443", "POST /v1/messages") in hosts
    assert {host for host, _ in hosts} == {"api.anthropic.com:443"}
    assert any(f"authorization: bearer {ACCESS}" in head.lower() for head in provider.heads)
