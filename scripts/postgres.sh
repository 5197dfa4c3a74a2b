# A private PostgreSQL. Sourced after common.sh. Sets PG_DATA (its files) and PG_URI (its address, as superuser).

# pg_create HOME: creates the files of a server that belongs to the folder HOME, once.
pg_create() {
  local home=$1
  PG_HOME=$home
  if [ -f "$home/postgres.location" ]; then
    PG_DATA=$(cat "$home/postgres.location")
    [ -f "$PG_DATA/PG_VERSION" ] && return
    die "$home/postgres.location names $PG_DATA, which holds no PostgreSQL data." \
      "Restore it, or remove $home to start anew."
  fi

  if ls -A "$home/postgres" 2>/dev/null | grep -q .; then
    die "$home/postgres holds files, but $home/postgres.location is missing." \
      "If they are a PostgreSQL of ChatCqrs, write its path into that file; else remove them."
  fi
  PG_DATA=$home/postgres.new # Renamed once complete. A killed start may have left an incomplete one.
  rm -rf "$PG_DATA"
  if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PG_DATA"
    chown "$(postgres_user)" "$PG_DATA"
    if ! as_postgres test -w "$PG_DATA"; then
      # Other users cannot enter the folder, so the files lie where PostgreSQL's user can reach them.
      # postgres.location names the place.
      rmdir "$PG_DATA"
      PG_DATA=/var/lib/chatcqrs/$(random_password)
      mkdir -p /var/lib/chatcqrs && chmod 711 /var/lib/chatcqrs
      mkdir -m 700 "$PG_DATA" && chown "$(postgres_user)" "$PG_DATA"
    fi
  fi

  say "Creating a private PostgreSQL in ${PG_DATA%.new} ..."
  local password; password=$(random_password)
  (umask 077 && echo "$password" >"$home/postgres.password")
  # initdb reads the password from a file that only the server's user can read.
  local pwfile; pwfile=$(umask 077 && mktemp "${TMPDIR:-/tmp}/chatcqrs.XXXXXX")
  echo "$password" >"$pwfile"
  [ "$(id -u)" != 0 ] || chown "$(postgres_user)" "$pwfile"
  as_postgres "$PG_BIN/initdb" -D "$PG_DATA" -U chat -A scram-sha-256 -E UTF8 --locale=C --pwfile="$pwfile" >/dev/null
  local code=$?
  rm -f "$pwfile"
  [ $code = 0 ] || die "initdb failed."
  if [ "$PG_DATA" = "$home/postgres.new" ]; then
    rmdir "$home/postgres" 2>/dev/null
    mv "$PG_DATA" "$home/postgres" && PG_DATA=$home/postgres
  fi
  (umask 077 && echo "$PG_DATA" >"$home/postgres.location.new" &&
    mv "$home/postgres.location.new" "$home/postgres.location")
}

# pg_address: picks a port of the loopback interface and writes the URI.
pg_address() {
  PG_PORT=$(free_port)
  PG_URI="postgresql://chat:$(cat "$PG_HOME/postgres.password")@127.0.0.1:$PG_PORT/postgres"
  (umask 077 && echo "$PG_URI" >"$PG_HOME/postgres.uri")
}

# pg_start [SETTING=VALUE ...]: starts the server in a session of its own, so that Ctrl-C ends its clients first.
pg_start() {
  local settings=() setting death=()
  for setting in listen_addresses=127.0.0.1 "port=$PG_PORT" unix_socket_directories= max_connections=200 \
    shared_buffers=256MB wal_buffers=32MB max_wal_size=4GB checkpoint_timeout=15min backend_flush_after=1MB \
    bgwriter_delay=50ms bgwriter_lru_maxpages=400 wal_compression=lz4 random_page_cost=1.1 jit=off \
    log_min_messages=warning log_line_prefix='%m [%p] ' "$@"; do
    settings+=(-c "$setting")
  done
  if [ "$(id -u)" = 0 ]; then
    local user; user=$(postgres_user)
    death=(setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups --inh-caps=-all --pdeathsig INT --)
  elif setpriv --pdeathsig INT -- true 2>/dev/null; then
    death=(setpriv --pdeathsig INT --)
  fi
  touch "$PG_HOME/postgres.log"
  setsid "${death[@]}" "$PG_BIN/postgres" -D "$PG_DATA" "${settings[@]}" \
    >>"$PG_HOME/postgres.log" 2>&1 </dev/null 9>&- &
  PG_PID=$!
}

# pg_is_ready: whether the server takes connections.
pg_is_ready() { "$PG_BIN/pg_isready" -q -h 127.0.0.1 -p "$PG_PORT" -t 2; }

# pg_await SECONDS: waits until the server takes connections; fails if it ends, or after SECONDS.
pg_await() {
  local end=$((SECONDS + $1))
  until pg_is_ready; do
    kill -0 "$PG_PID" 2>/dev/null || return 1
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}

# pg_stop_leftover: stops a server on these files that an earlier run left behind.
pg_stop_leftover() {
  local pid
  [ -f "$PG_DATA/postmaster.pid" ] || return 0
  pid=$(head -n 1 "$PG_DATA/postmaster.pid")
  if [ -n "$pid" ] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$PG_DATA"; then
    say "Stopping a PostgreSQL that an earlier run left behind ..."
    as_postgres "$PG_BIN/pg_ctl" -D "$PG_DATA" -m fast -w -t 30 stop >/dev/null 2>&1 || true
  fi
}

# pg_stop: shuts the server down (fast mode) and waits for its end.
pg_stop() {
  [ -n "${PG_PID:-}" ] && kill -0 "$PG_PID" 2>/dev/null || return 0
  kill -INT "$PG_PID" 2>/dev/null || return 0
  wait "$PG_PID" 2>/dev/null || true
}
