# Each piece of work is a function that exits 0; $PYTHON is set by who runs this.
work() {
  name=$1; needs=$2
  shift 2
  if ! eval "$needs" >/dev/null 2>&1; then echo "$name: none here"; return; fi
  mkdir -p "$HOME/$1" && cd "$HOME/$1" || return
  if ("$1") >said 2>&1; then echo "$name: ok"; else echo "$name: failed: $(tail -n 1 said)"; fi
}
commit() {
  git init -q . && git config user.email a@example.org && git config user.name a || exit
  echo one >file && git add file && git commit -qm one && git mv file folder-less && git commit -qm two || exit
  git clone -q . copy && test "$(git -C copy rev-list --count HEAD)" = 2
}
environment() {
  "$PYTHON" -m venv own || exit
  "$PYTHON" - <<'END' || exit
import zipfile
meta = "tiny-1.dist-info/"
with zipfile.ZipFile("tiny-1-py3-none-any.whl", "w") as wheel:
    wheel.writestr("tiny.py", "answer = 42\n")
    wheel.writestr(meta + "METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
    wheel.writestr(meta + "WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(meta + "RECORD", "tiny.py,,\n" + meta + "METADATA,,\n" + meta + "WHEEL,,\n" + meta + "RECORD,,\n")
END
  own/bin/python -m pip install -q --no-index --disable-pip-version-check tiny-1-py3-none-any.whl || exit
  own/bin/python -c "import tiny; assert tiny.answer == 42"
}
tests() {
  echo 'def test_it(tmp_path): (tmp_path / "x").write_text("x")' >test_it.py
  "$PYTHON" -m pytest -q -p no:cacheprovider test_it.py
}
script() {
  node -e 'require("fs").writeFileSync("x", "x"); new (require("worker_threads").Worker)("0", { eval: true });
    require("child_process").execFileSync("true")'
}
build() {
  printf 'all: a b\na b:\n\tsleep 0.1; echo $@ >$@\n' >Makefile
  make -j2 && test -s a && test -s b
}
database() {
  "$PYTHON" -c "
import sqlite3
db = sqlite3.connect('x.db')
db.execute('PRAGMA journal_mode=WAL')
with db: db.execute('CREATE TABLE x (y)')
with db: db.execute('INSERT INTO x VALUES (1)')
assert db.execute('SELECT count(*) FROM x').fetchone() == (1,)"
}
sockets() {
  "$PYTHON" -c "
import os, socket
for name in ('own.socket', chr(0) + 'own-' + str(os.getpid())):
    door = socket.socket(socket.AF_UNIX)
    door.bind(name)
    door.listen()
    if os.fork() == 0:
        one = socket.socket(socket.AF_UNIX)
        one.connect(name)
        one.sendall(b'hello')
        os._exit(0)
    assert door.accept()[0].recv(5) == b'hello'
    assert os.wait()[1] == 0"
}
shell() {
  mkdir one two && echo x >one/x && mv one/x two/x && ln two/x one/y && cat <(echo x) two/x >/dev/null || exit
  echo x >/tmp/own && rm /tmp/own && mkfifo pipe && { echo x >pipe & } && read -r _ <pipe || exit
  sleep 60 & kill $! && ! wait $!
}
work "git init, commit and clone" "command -v git" commit
work "python -m venv, pip install of a wheel" '"$PYTHON" -c "import ensurepip"' environment
work "pytest" '"$PYTHON" -c "import pytest"' tests
work "node -e" "command -v node" script
work "make -j2" "command -v make" build
work "sqlite3" '"$PYTHON" -c "import sqlite3"' database
work "sockets between two processes of its own" '"$PYTHON" -c "import socket"' sockets
work "pipes, links, moves and signals" true shell
