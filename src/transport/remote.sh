# cowhand's functions on a server. Everything that runs there is one of these.
# POSIX sh with coreutils or busybox; nothing is installed, and what only looks writes nothing.

# --- frames ---------------------------------------------------------------------------------------

# --- looking: files -------------------------------------------------------------------------------

# --- doing: files and commands --------------------------------------------------------------------

# --- state: owed handlers -------------------------------------------------------------------------

# --- Mailcow: folder, compose, services -----------------------------------------------------------

# Values of keys in ./mailcow.conf, one KEY=value a line. The file holds passwords: it is read as data,
# never run, and what was not asked for stays in it.
mailcow_conf() { # KEY…
	awk -v wanted=" $* " '
		{
			sub(/\r$/, ""); sub(/^[ \t]*(export[ \t]+)?/, "")
			cut = index($0, "=")
			key = substr($0, 1, cut - 1); value = substr($0, cut + 1)
			sub(/[ \t]+$/, "", key); sub(/^[ \t]+/, "", value)
			if (key !~ /^[A-Z_]+$/ || !index(wanted, " " key " ")) next
			quote = substr(value, 1, 1)
			if (quote == "\"" || quote == "\047") {
				value = substr(value, 2); close_at = index(value, quote)
				if (close_at) value = substr(value, 1, close_at - 1)
			} else {
				sub(/^#.*/, "", value); sub(/[ \t]+#.*/, "", value); sub(/[ \t]+$/, "", value)
			}
			found[key] = value
		}
		END { for (key in found) print key "=" found[key] }' mailcow.conf
}

# The compose command of the project in the current folder: what mailcow.conf says, else what answers.
compose_command() {
	case $([ ! -r mailcow.conf ] || mailcow_conf DOCKER_COMPOSE_VERSION) in
	*=native) echo docker compose ;;
	*=standalone) echo docker-compose ;;
	*)
		if docker compose version >/dev/null 2>&1; then
			echo docker compose
		elif docker-compose version >/dev/null 2>&1; then
			echo docker-compose
		else
			echo 'neither docker compose nor docker-compose answers' >&2
			return 1
		fi
		;;
	esac
}

# Containers of the project in the current folder: SERVICE ID STATUS STARTED_AT a line. Found by their
# labels, which takes a tenth of the time that compose takes; by compose where no label names this
# folder (it was moved).
compose_containers() ( # SERVICE…, none: all
	listed=$(docker ps -a --no-trunc --filter label=com.docker.compose.service --format \
		'{{.Label "com.docker.compose.service"}}|{{.ID}}|{{.Label "com.docker.compose.oneoff"}}|{{.Label "com.docker.compose.project.working_dir"}}') || exit
	ids=$(printf '%s\n' "$listed" | here=$(pwd) there=$(pwd -P) awk -F '|' -v wanted=" $* " '
		($4 == ENVIRON["here"] || $4 == ENVIRON["there"]) && $3 != "True" &&
		(wanted == "  " || index(wanted, " " $1 " ")) { print $2 }')
	if [ -z "$ids" ]; then
		compose=$(compose_command) || exit
		ids=$($compose ps -a -q "$@" 2>/dev/null || $compose ps -q "$@" 2>/dev/null)
	fi
	[ -n "$ids" ] || exit 0
	# One that went away in between is no longer a container of the project.
	docker inspect --format \
		'{{index .Config.Labels "com.docker.compose.service"}} {{.Id}} {{.State.Status}} {{.State.StartedAt}}' \
		$ids 2>/dev/null || :
)

# What compose_containers printed → the id of a service's container, if it runs.
compose_running() { # SERVICE
	awk -v service="$1" '$1 == service && $3 == "running" { print $2; exit }'
}

# What a Mailcow folder is: key=value lines, or one line not=REASON.
probe_mailcow() ( # DIR
	refuse() {
		printf 'not=%s\n' "$1"
		exit 0
	}
	nginx=data/conf/nginx
	cd "$1" 2>/dev/null || refuse 'there is no such folder'
	if [ -f $nginx/templates/sites-default.conf.j2 ]; then
		era=B
	elif [ -f $nginx/includes/site-defaults.conf ]; then
		era=A
	else
		refuse "neither $nginx/templates/sites-default.conf.j2 nor $nginx/includes/site-defaults.conf is there"
	fi
	[ -f mailcow.conf ] || refuse 'mailcow.conf is missing'
	[ -r mailcow.conf ] || refuse 'mailcow.conf can be read by root alone'
	command -v docker >/dev/null || refuse 'docker is not installed'
	compose=$(compose_command 2>&1) || refuse "$compose"
	containers=$(compose_containers nginx-mailcow postfix-mailcow 2>&1) ||
		refuse "docker does not answer: $(printf '%s\n' "$containers" | tail -n 1)"

	printf 'era=%s\ncompose=%s\n' "$era" "$compose"
	mailcow_conf MAILCOW_HOSTNAME HTTPS_PORT HTTPS_BIND SMTP_PORT NGINX_USE_PROXY_PROTOCOL
	if [ $era = B ] && [ -f $nginx/includes/site-defaults.conf ]; then
		echo dead=$nginx/includes/site-defaults.conf
	fi
	id=$(printf '%s\n' "$containers" | compose_running nginx-mailcow)
	[ -z "$id" ] || docker exec "$id" nginx -v 2>&1 |
		sed -n 's|^nginx version: [^/ ]*/\([0-9.]*\).*|nginx_version=\1|p' &
	id=$(printf '%s\n' "$containers" | compose_running postfix-mailcow)
	[ -z "$id" ] || docker exec "$id" sh -c '
		echo "postfix_version=$(postconf -h mail_version)"
		echo "seclevel_zero=$(grep -c SECLEVEL=0 /etc/ssl/openssl.cnf)"' 2>/dev/null |
		grep -E '^(postfix_version|seclevel_zero)=[0-9][0-9A-Za-z.-]*$' &
	wait
)

# The containers of a compose project, as compose_containers prints them.
probe_compose() ( # DIR SERVICE…
	cd "$1" 2>/dev/null && command -v docker >/dev/null || exit 0
	shift
	compose_containers "$@"
)

# Parameters as the running Postfix has them: "running" and NAME = VALUE lines, or "stopped".
probe_postconf() ( # DIR NAME…
	id=
	if cd "$1" 2>/dev/null && command -v docker >/dev/null; then
		id=$(compose_containers postfix-mailcow 2>/dev/null | compose_running postfix-mailcow)
	fi
	shift
	[ -n "$id" ] || { echo stopped; exit 0; }
	echo running
	docker exec "$id" postconf "$@"
)

# Whether something answers at a URL as it should. Patient with SMTP: postscreen greets late, and whoever
# talks before the greeting is taken for a robot.
compose_answers() ( # smtp|https|https+proxy|tcp://HOST:PORT
	rest=${1#*://}
	port=${rest##*:} host=${rest%:*}
	host=${host#[} host=${host%]}
	case $1 in
	smtp://*)
		if command -v bash >/dev/null; then
			timeout 12 bash -c '
				exec 3<>"/dev/tcp/$0/$1" || exit
				while IFS= read -r line <&3; do
					case $line in
					220-*) ;;
					220*) printf "QUIT\r\n" >&3; read -r line <&3; exit 0 ;;
					*) exit 1 ;;
					esac
				done
				exit 1' "$host" "$port" 2>/dev/null
		else
			(sleep 8; printf 'QUIT\r\n'; sleep 1) | nc -w 12 "$host" "$port" 2>/dev/null | grep -q '^220 '
		fi
		;;
	https://* | https+proxy://*)
		proxy=
		case $1 in https+*) proxy=--haproxy-protocol ;; esac
		curl -ksS --noproxy '*' $proxy -m 8 -o /dev/null "https://$rest/" 2>/dev/null
		case $? in 0 | 52) ;; *) false ;; esac # 52: taken, and closed without a word, as nginx's 444 does
		;;
	tcp://*)
		connects "$host" "$port"
		;;
	*) false ;;
	esac
)

# Does something to services of a compose project, then waits until they answer. Prints the containers
# as they are afterwards.
compose_up() ( # DIR ACTION SECONDS SERVICE,SERVICE… URL…
	cd "$1" || exit
	compose=$(compose_command) || exit
	case $2 in
	restart | stop | down) action=$2 ;;
	up) action='up -d' ;;
	recreate) action='up -d --force-recreate --no-deps' ;;
	*) echo "compose can't $2" >&2; exit 64 ;;
	esac
	seconds=$3
	services=$(printf '%s' "$4" | tr , ' ')
	shift 4
	said=$($compose $action $services 2>&1) || {
		printf '%s\n' "$said" | tail -n 8 | cut -c 1-400 >&2
		exit 1
	}
	case $action in stop | down) set -- ;; esac

	ids=$(compose_containers $services | awk '{ print $2 }')
	restarts() {
		docker inspect --format '{{.RestartCount}} {{.State.Status}}' $ids 2>/dev/null |
			awk '{ sum += $1 } $2 == "exited" || $2 == "dead" { sum += 1000 } END { print sum + 0 }'
	}
	give_up() {
		printf '%s\n' "$1"
		for id in $ids; do docker logs --tail 5 "$id" 2>&1 | tail -n 5 | cut -c 1-400; done
		exit 1
	} >&2
	before=$(docker inspect --format '{{.RestartCount}}' $ids 2>/dev/null | awk '{ sum += $1 } END { print sum + 0 }')
	deadline=$(($(date +%s) + seconds))
	for url in "$@"; do
		until compose_answers "$url"; do
			[ $(($(restarts) - before)) -lt 2 ] || give_up "$services stopped again and again, last lines:"
			[ "$(date +%s)" -lt "$deadline" ] || give_up "$url did not answer within $seconds seconds, last lines:"
			sleep 1
		done
	done
	compose_containers $services
)
