# Functions of ./run, ./test, ./demo and .ci/run. Sourced by bash.

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

require_dotnet() {
  command -v dotnet >/dev/null ||
    die "The .NET SDK is missing. Install version 10 (https://dotnet.microsoft.com/download) and try again."
}

# Builds the server and sets SERVER_DLL. Compiles ahead of time if the compiler is available, for fast first requests.
build_server() {
  local rid options='-c Release --nologo -v quiet -clp:ErrorsOnly -p:RunAnalyzers=false'
  rid=linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
  if dotnet publish src/WebApi $options -r "$rid" --self-contained false -p:PublishReadyToRun=true; then
    SERVER_DLL=$PWD/src/WebApi/bin/Release/net10.0/$rid/publish/ChatCqrs.WebApi.dll
  else
    dotnet build src/WebApi $options && SERVER_DLL=$PWD/src/WebApi/bin/Release/net10.0/ChatCqrs.WebApi.dll
  fi
}

# Whether Node.js 20 or later is there, with npm.
npm_is_there() {
  command -v npm >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge 20 ]
}

# Whether Go and its package for signed logs are there, as Debian ships them.
go_is_there() {
  { [ -x /usr/lib/go-1.19/bin/go ] || command -v go >/dev/null; } && [ -d /usr/share/gocode/src/golang.org/x/mod/sumdb ]
}

# npm_install FOLDER: installs what its package-lock.json says, unless that is there already.
npm_install() {
  [ ! "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ] || return 0
  npm --prefix "$1" ci --ignore-scripts --no-audit --no-fund
}

# The folder of PostgreSQL's server programs; empty when they are missing.
postgres_bin() {
  local bin
  for bin in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -Vr); do
    [ -x "$bin/postgres" ] && { echo "$bin"; return; }
  done
  if command -v postgres >/dev/null && command -v initdb >/dev/null; then
    dirname "$(readlink -f "$(command -v postgres)")"
  fi
}

# Installs Debian packages without questions, and without creating Debian's default PostgreSQL cluster.
install_packages() {
  [ "$(id -u)" = 0 ] ||
    die "Missing on this machine: $*. Install it (sudo apt-get install $*) or name a server with --postgres."
  command -v apt-get >/dev/null ||
    die "Missing on this machine: $*. Install it, or name a server with --postgres."
  say "Installing $* ..."
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] ||
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  apt-get update -qq >/dev/null 2>&1 &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 ||
    die "apt-get could not install $*."
}

require_postgres() {
  PG_BIN=$(postgres_bin)
  [ -n "$PG_BIN" ] || { install_packages postgresql; PG_BIN=$(postgres_bin); }
  [ -n "$PG_BIN" ] || die "PostgreSQL was installed, but its server programs are not found."
}

# The user to run PostgreSQL as when we are root: PostgreSQL refuses to run as root.
postgres_user() { id -u postgres >/dev/null 2>&1 && echo postgres || echo nobody; }

# Runs a command as PostgreSQL's user.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then
    local user; user=$(postgres_user)
    setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups --inh-caps=-all -- "$@"
  else
    "$@"
  fi
}

# A port below those that the kernel gives to outgoing connections (from 32768): such a one could take it meanwhile.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

# http_status PORT PATH: the status code of GET http://127.0.0.1:PORT/PATH; 000 if there is no answer.
http_status() {
  local line
  if exec 3<>"/dev/tcp/127.0.0.1/$1"; then
    printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$2" >&3
    read -r -t 5 line <&3 || line=
    exec 3<&- 3>&-
    set -- $line
    echo "${2:-000}"
  else
    echo 000
  fi 2>/dev/null
}

random_password() { head -c 24 /dev/urandom | base64 | tr -d '/+=\n'; }
