# cowhand's functions on a server. Everything that runs there is one of these.
# POSIX sh with coreutils or busybox; nothing is installed, and what only looks writes nothing.
#
# Each request runs in a subshell of its own: functions may exit, change folder and set traps.
# Standard input is the request's payload, or empty; never the stream that requests come on.

# --- frames ---------------------------------------------------------------------------------------

# open_session NONCE: what must be there, once.
open_session() {
	nonce=$1
	PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	unset CDPATH IFS note bounded
	lacking=
	for tool in base64 sha256sum stat mktemp readlink; do
		command -v "$tool" >/dev/null 2>&1 || lacking="$lacking $tool"
	done
	if [ -n "$lacking" ]; then
		printf '\n%s lacks%s\n' "$nonce" "$lacking"
		exit 1
	fi
	printf '\n%s ready\n' "$nonce"
}

# answer NUMBER FUNCTION ARGUMENT…: runs it and tells stdout, stderr and exit status, without a
# temporary file. 3 is the real stdout, 4 collects the status, stderr waits in a variable.
answer() {
	printf '%s begin %s\n' "$nonce" "$1"
	shift
	# What runs for whoever asked is timed, also as a step of a run.
	case $1:${2:-}:${4:-}:${5:-} in
	run_* | wait_for:* | decoded:run_* | step:*:run_*:* | step:*:wait_for:* | decoded:step:*:run_*) began=$(clock) ;;
	*) began= ;;
	esac
	{
		rc=$(
			{
				err=$(
					{
						{
							("$@") 3>&- 4>&-
							echo "$?" >&4
						} | base64 >&3 4>&-
					} 2>&1 | base64 4>&-
				)
				printf '%s err\n%s\n' "$nonce" "$err" >&3
			} 4>&1
		)
	} 3>&1
	[ -n "$rc" ] || rc=255
	[ -z "$began" ] || began=" ${began% *} $(clock)"
	printf '%s end %s%s\n' "$nonce" "$rc" "$began"
	return "$rc"
}

# clock: seconds since 1970 with a fraction, and the time zone.
clock() {
	now=$(date '+%s.%N %z')
	case $now in
	*N*) date '+%s.0 %z' ;;
	*) printf '%s\n' "$now" ;;
	esac
}

# decoded FUNCTION ARGUMENT…: hands on its base64 input as bytes.
decoded() {
	base64 -d | "$@"
}

# close_batch: no more answers.
close_batch() {
	printf '%s done\n' "$nonce"
}

# fail WORD…: ends the request with a message.
fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# --- looking: files -------------------------------------------------------------------------------

# probe_path PATH follow|nofollow: nothing when nothing is there; else one line
# `RAWMODE:UID:GID:SIZE:MTIME:OWNER:GROUP` (the first in hex), one line with the SHA-256 of a
# regular file (`-`: no such, or not readable), then what a link points to, byte by byte.
probe_path() {
	case $2 in
	follow) look=-L ;;
	*) look= ;;
	esac
	if ! line=$(stat $look -c '%f:%u:%g:%s:%Y:%U:%G' "$1" 2>/dev/null); then
		nothing "$1"
		return 0
	fi
	printf '%s\n' "$line"
	if [ -f "$1" ] && { [ "$look" ] || [ ! -L "$1" ]; }; then
		sum=$(digest "$1" 2>/dev/null) || sum=-
		printf '%s\n' "$sum"
	else
		printf '%s\n' -
		[ "$look" ] || [ ! -L "$1" ] || readlink -n "$1"
	fi
}

# probe_content PATH: nothing when there is no regular file; else a line `file`, then its bytes.
probe_content() {
	if [ ! -f "$1" ]; then
		nothing "$1"
		return 0
	fi
	size=$(stat -L -c %s "$1") || exit 1
	[ "$size" -le 16777216 ] || fail "$1: larger than 16 MiB"
	[ -r "$1" ] || fail "$1: permission denied"
	printf 'file\n'
	cat "$1"
}

# probe_command PROGRAM ARGUMENT…: whoever asks vouches that it changes nothing.
probe_command() {
	exec "$@"
}

# What a stat prints for probe_details and probe_tree.
inode_format=%f:%u:%g:%s:%Y:%X:%Z:%i:%d:%h:%b:%o:%t:%T:%U:%G

# probe_details PATH follow|nofollow SUM|'' mime|- flags|-: nothing when nothing is there; else lines
# `inode=…`, `access=rwx`, `sum=…`, `mime=TYPE; charset=NAME`, `flags=VERSION LETTERS` (those that
# are asked for and known), and `real=` with the path behind all links, byte by byte.
probe_details() {
	look=
	[ "$2" != follow ] || look=-L
	if ! line=$(stat $look -c "$inode_format" "$1" 2>/dev/null); then
		nothing "$1"
		return 0
	fi
	printf 'inode=%s\naccess=' "$line"
	[ ! -r "$1" ] || printf r
	[ ! -w "$1" ] || printf w
	[ ! -x "$1" ] || printf x
	printf '\n'
	is_link=
	[ "$look" ] || [ ! -L "$1" ] || is_link=1
	if [ "$3" ] && [ -f "$1" ] && [ -z "$is_link" ]; then
		sum=$(checksum "$3" "$1" 2>/dev/null) && printf 'sum=%s\n' "$sum"
	fi
	if [ "$4" = mime ] && command -v file >/dev/null 2>&1; then
		file $look -b --mime "$1" 2>/dev/null | grep '; charset=' | head -n 1 | sed 's/^/mime=/'
	fi
	if [ "$5" = flags ] && [ -z "$is_link" ]; then
		lsattr -d -v "$1" 2>/dev/null | awk 'NR == 1 { print "flags=" $1 " " $2 }'
	fi
	printf 'real='
	readlink -n -f "$1"
	return 0
}

# probe_tree PATH DEPTH|'' follow|nofollow: nothing when there is no folder; else the time, then
# pieces: a line per path, an empty line, the paths, each ended by a NUL, a line feed.
probe_tree() {
	if [ ! -d "$1" ]; then
		nothing "$1"
		return 0
	fi
	date +%s
	look=
	[ "$3" != follow ] || look=-L
	{
		said=$(find $look "$1" -mindepth 1 ${2:+-maxdepth "$2"} -exec sh -c '
			if lines=$(stat -c "$0" "$@" 2>/dev/null); then
				printf "%s\n\n" "$lines"
				printf "%s\0" "$@"
				echo
			else
				for path; do
					line=$(stat -c "$0" "$path" 2>/dev/null) || continue
					printf "%s\n\n%s\0\n" "$line" "$path"
				done
			fi' "$inode_format" {} + 2>&1 >&5)
	} 5>&1
	# What vanished meanwhile is no error; what may not be seen is.
	case $said in
	*ermission\ denied*) fail "$said" ;;
	esac
}

# probe_glob PATTERN: the paths that a shell takes it for, each ended by a NUL.
probe_glob() {
	IFS=
	for path in $1; do
		if [ -e "$path" ] || [ -L "$path" ]; then
			printf '%s\0' "$path"
		fi
	done
}

# probe_sums ALGORITHM PATH…: a checksum for each, ended by a NUL; empty where there is none.
probe_sums() {
	algorithm=$1
	shift
	for path; do
		sum=$(checksum "$algorithm" "$path" 2>/dev/null) || sum=
		printf '%s\0' "$sum"
	done
}

# probe_matching ERE PATH…: those that have a line that matches, each ended by a NUL.
probe_matching() {
	pattern=$1
	shift
	# A pattern may be read with the first line alone.
	echo | grep -E -e "$pattern" >/dev/null
	[ $? -lt 2 ] || exit 1
	for path; do
		if grep -E -q -s -e "$pattern" "$path"; then
			printf '%s\0' "$path"
		fi
	done
}

# nothing PATH: fails unless it can be seen that nothing (or nothing regular) is there.
nothing() {
	above=${1%/*}
	while [ -n "$above" ] && [ ! -d "$above" ]; do
		case $above in
		*/*) above=${above%/*} ;;
		*) above=. ;;
		esac
	done
	[ -x "${above:-/}" ] || fail "$1: permission denied"
}

# digest PATH: the SHA-256 of a file.
digest() {
	checksum sha256 "$1"
}

# checksum ALGORITHM PATH: of a file.
checksum() {
	sum=$("$1sum" <"$2") || return
	printf '%s\n' "${sum%% *}"
}

# tell PATH: what it is now, as probe_path says it, without a checksum.
tell() {
	stat -c '%f:%u:%g:%s:%Y:%U:%G' "$1" || return
	printf '%s\n' -
	[ ! -L "$1" ] || readlink -n "$1"
}

# --- doing: files and commands --------------------------------------------------------------------

# write_file PATH MODE OWNER GROUP BEFORE BACKUP VALIDATE…: what it reads becomes the file. Empty
# words: attributes are taken over from what is replaced; BEFORE, nothing was there; BACKUP, none
# wanted. VALIDATE is a command, `%s` in its words is the candidate's path.
write_file() {
	path=$1 mode=$2 owner=$3 group=$4 before=$5 backup=$6
	shift 6
	dir=${path%/*}
	was=$(umask)
	umask 077
	[ ! -L "$path" ] || fail "$path: is a symbolic link, and would be replaced instead of followed"
	[ ! -d "$path" ] || fail "$path: is a folder"
	candidate=
	trap '[ -z "$candidate" ] || rm -f "$candidate"' 0
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM
	candidate=$(mktemp "$dir/.${path##*/}.cowhand.XXXXXX") || exit 1
	cat >"$candidate" || exit 1
	dress "$candidate" "$path" || exit 1
	if [ $# -gt 0 ]; then
		validate "$@" || fail "$path: the new content failed its validation (exit status $?)"
	fi
	if [ -n "${note:-}" ]; then
		state_of "$candidate" whole >"$note/after" || exit 1
	fi
	flush "$candidate" ${note:+"$note/after"}
	seen=
	[ ! -e "$path" ] || seen=$(digest "$path") || exit 1
	[ "$seen" = "$before" ] || fail "$path: changed under us; what is there now was left alone"
	if [ -n "$backup" ] && [ -e "$path" ]; then
		mkdir -p "${backup%/*}/" && cp -p "$path" "$backup" && flush "$backup" "${backup%/*}/" || exit 1
	fi
	rename "$candidate" "$path" || exit 1
	candidate=
	flush "${dir:-/}"
	tell "$path"
}

# dress CANDIDATE PATH: gives it $mode, $owner and $group, or those of PATH; with SELinux its label.
dress() {
	if [ -e "$2" ]; then
		[ -n "$mode" ] || mode=$(stat -c %a "$2") || return
		[ -n "$owner" ] || owner=$(stat -c %u "$2") || return
		[ -n "$group" ] || group=$(stat -c %g "$2") || return
	fi
	[ -n "$mode" ] || mode=$(printf '%o' "$((0666 & ~0$was))")
	own "$1" && chmod "$mode" "$1" || return
	if [ -e "$2" ] && [ -e /sys/fs/selinux/enforce ] && command -v chcon >/dev/null; then
		chcon --reference="$2" "$1"
	fi
}

# own PATH [-R]: gives it $owner and $group, where they are not empty.
own() {
	[ -n "$owner$group" ] || return 0
	chown $2 "$owner${group:+:$group}" "$1"
}

# validate WORD…: runs the command with the candidate's path for every `%s`.
validate() (
	left=$#
	while [ "$left" -gt 0 ]; do
		word=$1 filled=
		shift
		while :; do
			case $word in
			*%s*) filled=$filled${word%%%s*}$candidate word=${word#*%s} ;;
			*) break ;;
			esac
		done
		set -- "$@" "$filled$word"
		left=$((left - 1))
	done
	exec "$@" </dev/null >&2
)

# rename FROM TO: never into a folder that TO may have become.
rename() {
	[ ! -d "$2" ] || fail "$2: is a folder"
	mv -f -T "$1" "$2" 2>/dev/null || mv -f "$1" "$2"
}

# flush PATH…: what was written there survives a power cut.
flush() {
	sync "$@" 2>/dev/null || sync
}

# set_attributes PATH MODE OWNER GROUP recurse|only
set_attributes() {
	path=$1 mode=$2 owner=$3 group=$4 recurse=
	[ "$5" != recurse ] || recurse=-R
	[ -e "$path" ] || fail "$path: nothing is there"
	own "$path" $recurse || exit 1
	[ -z "$mode" ] || chmod $recurse "$mode" "$path" || exit 1
	tell "$path"
}

# make_dir PATH MODE OWNER GROUP
make_dir() {
	[ -d "$1" ] || mkdir ${2:+-m "$2"} "$1" || exit 1
	set_attributes "$1" "$2" "$3" "$4" only
}

# make_link PATH TARGET symbolic|hard: replaces a link, and nothing else.
make_link() {
	if [ "$3" = hard ]; then
		[ ! -d "$1" ] || fail "$1: is a folder"
		ln -f "$2" "$1" || exit 1
	else
		[ -L "$1" ] || [ ! -e "$1" ] || fail "$1: is there and no link"
		ln -s -f -n -- "$2" "$1" || exit 1
	fi
	tell "$1"
}

# touch_path PATH MODE OWNER GROUP
touch_path() {
	touch "$1" || exit 1
	set_attributes "$1" "$2" "$3" "$4" only
}

# set_times PATH ACCESS MODIFICATION: `now`, seconds since 1970, or empty to leave one as it is.
set_times() {
	path=$1
	set_time -a "$2" && set_time -m "$3" && tell "$path"
}

# set_time -a|-m MOMENT: of $path.
set_time() {
	case $2 in
	'') ;;
	now) touch -c "$1" "$path" ;;
	*) touch -c "$1" -d "@$2" "$path" ;;
	esac
}

# make_temp FOLDER PREFIX SUFFIX file|directory: under a name that was not there. Its path, a line
# feed, and what it is.
make_temp() {
	umask 077
	folder=${1:-${TMPDIR:-/tmp}}
	tries=0
	while [ "$tries" -lt 100 ]; do
		name=$(mktemp -u XXXXXXXX) || exit 1
		path=${folder%/}/$2${name##*/}$3
		tries=$((tries + 1))
		if [ "$4" = directory ]; then
			mkdir "$path" 2>/dev/null || { [ -d "$folder" ] && [ -e "$path" ] && continue; }
		else
			(set -C && : >"$path") 2>/dev/null || { [ -d "$folder" ] && [ -e "$path" ] && continue; }
		fi
		[ -e "$path" ] || fail "$folder: nothing can be made there"
		printf '%s\n' "$path"
		tell "$path"
		return
	done
	fail "$folder: no free name was found"
}

# remove_path PATH: and everything below.
remove_path() {
	case $1 in
	'' | *[!/]*/. | *[!/]*/..) fail "$1: not removed" ;;
	*[!/]*)
		[ -e "$1" ] || [ -L "$1" ] || return 0
		[ -n "${note:-}" ] && set_aside "$1" || rm -rf "$1"
		;;
	*) fail "$1: not removed" ;;
	esac
}

# run_command CHDIR SHELL COUNT NAME=VALUE… PROGRAM ARGUMENT…: empty CHDIR, where we are; with SHELL
# the program is a script for it. `exec` finds programs alone: no function of ours, no builtin.
run_command() {
	where=$1 shell=$2 count=$3
	shift 3
	while [ "$count" -gt 0 ]; do
		export "$1" || exit 1
		shift
		count=$((count - 1))
	done
	[ -z "$where" ] || cd "$where" || exit 1
	if [ -n "$shell" ]; then
		exec ${bounded:-} "$shell" -c "$1"
	fi
	exec ${bounded:-} "$@"
}

# run_within SECONDS FUNCTION ARGUMENT…: what it runs is ended then, with all that it has started.
run_within() {
	command -v timeout >/dev/null 2>&1 || fail 'a limit of time needs the program timeout on the server'
	bounded="timeout -k 5 $1"
	shift
	"$@"
}

# run_expanded CHDIR SHELL COUNT NAME=VALUE… PROGRAM ARGUMENT…: as run_command, with `~`, `$NAME` and
# `${NAME}` filled in from the environment.
run_expanded() {
	where=$1 shell=$2 count=$3
	shift 3
	while [ "$count" -gt 0 ]; do
		export "$1" || exit 1
		shift
		count=$((count - 1))
	done
	left=$#
	while [ "$left" -gt 0 ]; do
		expand "$1"
		shift
		set -- "$@" "$word"
		left=$((left - 1))
	done
	run_command "$where" "$shell" 0 "$@"
}

# expand WORD: sets $word. Names that are not in the environment stay as they are written.
expand() {
	case $1 in
	'~' | '~/'*) rest=$HOME${1#?} ;;
	*) rest=$1 ;;
	esac
	word=
	while :; do
		case $rest in
		*'$'*) ;;
		*) break ;;
		esac
		word=$word${rest%%'$'*} rest=${rest#*'$'}
		case $rest in
		'{'*'}'*) name=${rest%%'}'*} name=${name#?} behind=${rest#*'}'} ;;
		*) name=${rest%%[!A-Za-z0-9_]*} behind=${rest#"${rest%%[!A-Za-z0-9_]*}"} ;;
		esac
		case $name in
		'' | *[!A-Za-z0-9_]*) word=$word'$' ;;
		*)
			if value=$(printenv "$name"); then
				word=$word$value rest=$behind
			else
				word=$word'$'
			fi
			;;
		esac
	done
	word=$word$rest
}

# run_script CHDIR SHELL COUNT NAME=VALUE… ARGUMENT…: what it reads is the program, run from a file of
# its own that nobody else can read; with SHELL, by that.
run_script() {
	where=$1 shell=$2 count=$3
	shift 3
	program=
	umask 077
	trap '[ -z "$program" ] || rm -f "$program"' 0
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM
	# Temporary folders may be mounted so that nothing in them can be run.
	for folder in "${TMPDIR:-/tmp}" /var/tmp "$HOME"; do
		program=$(mktemp "$folder/.cowhand.XXXXXX") && chmod 700 "$program" || continue
		[ -z "$shell" ] && [ ! -x "$program" ] || break
		rm -f "$program"
	done
	cat >"$program" || exit 1
	while [ "$count" -gt 0 ]; do
		export "$1" || exit 1
		shift
		count=$((count - 1))
	done
	[ -z "$where" ] || cd "$where" || exit 1
	umask 022
	${bounded:-} $shell "$program" "$@" </dev/null
}

# run_request URL|'': asks what the curl configuration that it reads says; with URL, a wget will do.
# STATUS REDIRECTS URL, a line; how many bytes the headers have, a line; the headers; the body.
run_request() {
	umask 077
	work=
	trap '[ -z "$work" ] || rm -rf "$work"' 0
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM
	work=$(mktemp -d) && : >"$work/headers" && : >"$work/body" || exit 1
	ask "$1" "$work/headers" "$work/body" >"$work/said" || exit 1
	[ "$(wc -c <"$work/body")" -le 16777216 ] || fail 'the answer is larger than 16 MiB'
	cat "$work/said" && wc -c <"$work/headers" && cat "$work/headers" "$work/body"
}

# ask URL|'' HEADERS BODY: prints STATUS REDIRECTS URL; the files get the rest.
ask() {
	if command -v curl >/dev/null 2>&1; then
		curl -q -sS --proto '=http,https,ftp' --proto-redir '=http,https' --max-redirs 10 -D "$2" -o "$3" \
			-w '%{http_code} %{num_redirects} %{url_effective}\n' --config -
	elif [ -n "$1" ] && command -v wget >/dev/null 2>&1; then
		said=$(wget -S -O "$3" -- "$1" 2>&1 </dev/null)
		done_so=$?
		printf '%s\n' "$said" | sed -n 's/^  *\(HTTP\/.*\)/\1/p; s/^  *\([A-Za-z0-9-]*: .*\)/\1/p' >"$2"
		status=$(sed -n 's/^HTTP\/[0-9.]* \([0-9]*\).*/\1/p' "$2" | tail -n 1)
		if [ -z "$status" ] && [ "$done_so" != 0 ]; then
			fail "wget: $(printf '%s\n' "$said" | tail -n 1)"
		fi
		printf '%s 0 %s\n' "${status:-200}" "$1"
	elif [ -n "$1" ]; then
		fail 'asking a web server needs curl or wget on the server'
	else
		fail 'asking a web server like that needs curl on the server'
	fi
}

# run_download PATH MODE OWNER GROUP BEFORE BACKUP ALGORITHM CHECKSUM URL|'': as run_request, into a file.
# `written`, `set` (its attributes alone) or `same`, STATUS and the SHA-1 of before and after (`-`: none), a
# line; then what the file is.
run_download() {
	fetched= headers=
	trap 'rm -f "${fetched:-/nonexistent}" "${headers:-/nonexistent}"' 0
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM
	fetched=$(mktemp "${1%/*}/.${1##*/}.cowhand.XXXXXX") && headers=$(mktemp) || exit 1
	said=$(ask "$9" "$headers" "$fetched") || exit 1
	status=${said%% *}
	old=- new=-
	[ ! -f "$1" ] || old=$(checksum sha1 "$1") || exit 1
	case $status in
	304) new=$old ;;
	2?? | 000)
		sum=$(checksum "${7:-sha1}" "$fetched") && new=$(checksum sha1 "$fetched") || exit 1
		[ -z "$8" ] || [ "$sum" = "$8" ] || fail "The checksum for $1 did not match $8; it was $sum."
		;;
	*) fail "Request failed: HTTP Error $status: $(sed -n 's/^HTTP\/[0-9.]* [0-9]* *//p' "$headers" | tr -d '\r' | tail -n 1)" ;;
	esac
	if [ "$old" = "$new" ]; then
		what=same
		[ -z "$2$3$4" ] || what=set
		printf '%s %s %s %s\n' "$what" "$status" "$old" "$new"
		set_attributes "$1" "$2" "$3" "$4" only
	else
		printf 'written %s %s %s\n' "$status" "$old" "$new"
		(write_file "$1" "$2" "$3" "$4" "$5" "$6" <"$fetched")
	fi
}

# wait_for DELAY SLEEP TIMEOUT time | port HOST PORT open|closed SECONDS [PATTERN] |
# path PATH present|absent [PATTERN] | drained PORT STATES LOCAL EXCLUDED: prints the line that matches.
wait_for() {
	delay=$1 pause=$2 limit=$3
	shift 3
	sleep "$delay"
	if [ "$1" = time ]; then
		sleep "$limit"
		return
	fi
	[ "$pause" -gt 0 ] || pause=1
	deadline=$(($(date +%s) + limit))
	until "is_$1" "$@"; do
		[ "$(date +%s)" -lt "$deadline" ] || fail "timed out after $limit seconds waiting for $1 $2${3:+ }$3"
		sleep "$pause"
	done
}

# is_port port HOST PORT open|closed SECONDS [PATTERN]
is_port() {
	limit_of_one=$5
	if [ $# -gt 5 ]; then
		talks "$2" "$3" | grep -E -m 1 -e "$6"
	elif connects "$2" "$3"; then
		[ "$4" = open ]
	else
		[ "$4" = closed ]
	fi
}

# is_path path PATH present|absent [PATTERN]
is_path() {
	if [ $# -gt 3 ]; then
		if line=$(grep -E -m 1 -e "$4" "$2" 2>/dev/null); then
			[ "$3" = present ] && printf '%s\n' "$line"
		else
			[ "$3" = absent ]
		fi
	elif [ -e "$2" ] || [ -L "$2" ]; then
		[ "$3" = present ]
	else
		[ "$3" = absent ]
	fi
}

# is_drained drained PORT STATES LOCAL EXCLUDED: nobody is connected; words as /proc/net/tcp has them.
is_drained() {
	for table in /proc/net/tcp /proc/net/tcp6; do
		[ ! -r "$table" ] || cat "$table"
	done | awk -v port=":$2" -v states=" $3 " -v local=" $4 " -v excluded=" $5 " '
		$2 ~ port "$" && index(states, " " $4 " ") {
			split($2, here, ":")
			split($3, there, ":")
			if (local != "  " && !index(local, " " here[1] " ")) next
			if (!index(excluded, " " there[1] " ")) busy = 1
		}
		END { exit busy }'
}

# talks HOST PORT: what somebody who connects there reads.
talks() {
	if command -v bash >/dev/null 2>&1; then
		brief bash -c 'exec 9<>"/dev/tcp/$0/$1" && cat <&9' "$1" "$2" 2>/dev/null
	elif command -v nc >/dev/null 2>&1; then
		(sleep "${limit_of_one:-5}") | brief nc "$1" "$2" 2>/dev/null
	else
		fail 'reading from a port needs bash or nc on the server'
	fi
}

# connects HOST PORT: whether somebody takes a TCP connection there.
connects() {
	if command -v bash >/dev/null 2>&1; then
		brief bash -c 'exec 9<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null
	elif command -v nc >/dev/null 2>&1; then
		brief nc "$1" "$2" </dev/null >/dev/null 2>&1
	elif command -v busybox >/dev/null 2>&1; then
		brief busybox nc "$1" "$2" </dev/null >/dev/null 2>&1
	else
		fail 'waiting for a port needs bash or nc on the server'
	fi
}

# brief COMMAND…: for five seconds at most (or $limit_of_one), where `timeout` is.
brief() {
	if command -v timeout >/dev/null 2>&1; then
		timeout "${limit_of_one:-5}" "$@"
	else
		"$@"
	fi
}

# --- state: owed handlers -------------------------------------------------------------------------

# state_folder: sets $state. Nothing is made here.
state_folder() {
	state=${COWHAND_STATE:-}
	if [ -z "$state" ]; then
		if [ "$(id -u)" = 0 ]; then
			state=/var/lib/cowhand
		else
			state=${HOME:?}/.local/state/cowhand
		fi
	fi
}

# probe_owed: each mark, `SECONDS` and the handler's name in lines, ended by a NUL.
probe_owed() {
	state_folder
	for mark in "$state/owed"/*; do
		[ -e "$mark" ] || continue
		cat "$mark" || exit 1
		printf '\0'
	done
}

# mark_of HANDLER: sets $mark.
mark_of() {
	sum=$(printf %s "$1" | sha256sum) || exit 1
	mark=$state/owed/${sum%% *}
}

# owe_handler HANDLER: the mark is on the disk before this returns; an older one stays.
owe_handler() {
	umask 077
	state_folder
	mark_of "$1"
	[ ! -e "$mark" ] || return 0
	mkdir -p "$state/owed" || exit 1
	new=$(mktemp "$state/owed/.XXXXXX") || exit 1
	trap 'rm -f "$new"' 0
	printf '%s\n%s\n' "$(date +%s)" "$1" >"$new" || exit 1
	flush "$new"
	rename "$new" "$mark" || exit 1
	flush "$state/owed" "$state" "${state%/*}/"
}

# settle_handler HANDLER: it has succeeded.
settle_handler() {
	state_folder
	mark_of "$1"
	[ -e "$mark" ] || return 0
	rm -f "$mark" || exit 1
	flush "$state/owed"
}

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
	# A container whose main.cf can't be read is one that crashes, between two tries.
	if [ -n "$id" ] && values=$(docker exec "$id" postconf "$@"); then
		printf 'running\n%s\n' "$values"
	else
		echo stopped
	fi
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
