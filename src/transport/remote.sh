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
	unset CDPATH IFS
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
	printf '%s end %s\n' "$nonce" "$rc"
	return "$rc"
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
	sum=$(sha256sum <"$1") || return
	printf '%s\n' "${sum%% *}"
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
	flush "$candidate"
	seen=
	[ ! -e "$path" ] || seen=$(digest "$path") || exit 1
	[ "$seen" = "$before" ] || fail "$path: changed under us; what is there now was left alone"
	if [ -n "$backup" ] && [ -e "$path" ]; then
		mkdir -p "${backup%/*}/" && cp -p "$path" "$backup" && flush "$backup" "${backup%/*}/" || exit 1
	fi
	rename "$candidate" "$path" || exit 1
	candidate=
	flush "${dir:-/}"
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
	[ -z "$mode" ] || chmod $recurse "$mode" "$path"
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
		ln -f "$2" "$1"
	else
		[ -L "$1" ] || [ ! -e "$1" ] || fail "$1: is there and no link"
		ln -s -f -n -- "$2" "$1"
	fi
}

# touch_path PATH MODE OWNER GROUP
touch_path() {
	touch "$1" || exit 1
	set_attributes "$1" "$2" "$3" "$4" only
}

# remove_path PATH: and everything below.
remove_path() {
	case $1 in
	'' | *[!/]*/. | *[!/]*/..) fail "$1: not removed" ;;
	*[!/]*) rm -rf "$1" ;;
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
		exec "$shell" -c "$1"
	fi
	exec "$@"
}

# wait_for DELAY SLEEP TIMEOUT time | port HOST PORT open|closed | path PATH present|absent [PATTERN]
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

# is_port port HOST PORT open|closed
is_port() {
	if connects "$2" "$3"; then
		[ "$4" = open ]
	else
		[ "$4" = closed ]
	fi
}

# is_path path PATH present|absent [PATTERN]
is_path() {
	if [ $# -gt 3 ]; then
		if grep -q -E -e "$4" "$2" 2>/dev/null; then
			[ "$3" = present ]
		else
			[ "$3" = absent ]
		fi
	elif [ -e "$2" ] || [ -L "$2" ]; then
		[ "$3" = present ]
	else
		[ "$3" = absent ]
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

# brief COMMAND…: for five seconds at most, where `timeout` is.
brief() {
	if command -v timeout >/dev/null 2>&1; then
		timeout 5 "$@"
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
