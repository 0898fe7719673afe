# Users, groups, other names, and what belongs to users. Sent only with a batch that needs some of it.

# entry DATABASE KEY|'': of /etc/passwd and its like, and of whatever else the server asks for names.
entry() {
	if command -v getent >/dev/null 2>&1; then
		getent "$1" ${2:+"$2"}
	else
		awk -F : -v key="$2" 'key == "" || $1 == key || $3 == key' "/etc/$1"
	fi 2>/dev/null
}

# probe_entries DATABASE KEY|'' SERVICE|'': the exit status of getent, a line; then what it prints.
probe_entries() {
	if [ -n "$3" ]; then
		said=$(getent "$1" ${2:+"$2"} -s "$3" 2>/dev/null)
	else
		said=$(entry "$1" "$2")
	fi
	rc=$?
	# Without getent, who finds nothing does not say so.
	[ -n "$said" ] || [ -z "$2" ] || [ "$rc" != 0 ] || rc=2
	printf '%s\n%s\n' "$rc" "$said"
}

# probe_account NAME: a user in lines, see facts/account.rs. No hash of a password leaves the server.
probe_account() {
	line=$(entry passwd "$1")
	if [ -z "$line" ]; then
		home=$(useradd -D 2>/dev/null | sed -n 's/^HOME=//p')
		home=${home:-/home}/$1
	else
		gid=$(printf '%s\n' "$line" | cut -d : -f 4)
		home=$(printf '%s\n' "$line" | cut -d : -f 6)
		printf 'passwd=%s\nprimary=%s\n' "$line" "$(entry group "$gid" | cut -d : -f 1)"
		entry group '' | awk -F : -v name="$1" '{
			count = split($4, members, ",")
			for (i = 1; i <= count; i++) if (members[i] == name) print "member=" $1
		}'
		if [ -r /etc/shadow ]; then
			awk -F : -v name="$1" '$1 == name' /etc/shadow | {
				IFS=: read -r _ hash rest || exit 0
				locked=no
				case $hash in '!'*) locked=yes ;; esac
				sum=$(printf %s "$hash" | sed 's/^!*//' | sha256sum)
				printf 'shadow=%s:%s:%s\n' "${sum%% *}" "$locked" "$rest"
			}
		fi
	fi
	printf 'home=%s\n' "$home"
	if [ -e "$home" ]; then echo there=yes; else echo there=no; fi
}

# probe_home USER|'' FILE…: a user's home and what is in it, see facts/home.rs; '' is whoever we are.
probe_home() {
	line=$(entry passwd "${1:-$(id -un)}")
	[ -n "$line" ] || return 0
	home=$(printf '%s\n' "$line" | cut -d : -f 6)
	[ -n "$1" ] || home=${HOME:-$home}
	printf '%s\n%s\n' "$home" "$(printf '%s\n' "$line" | cut -d : -f 3,4 | tr : ' ')"
	shift
	for file; do
		coded probe_path "${home%/}/$file" follow
		coded probe_path "${home%/}/$file" nofollow
		coded probe_content "${home%/}/$file"
	done
}

# coded FUNCTION ARGUMENT…: its answer as one line of base64; `!failed` behind it, when it fails.
coded() {
	{ ("$@") || printf '\n!failed'; } 2>/dev/null | base64 | tr -d '\n'
	echo
}

# do_and_look LOOK PROGRAM ARGUMENT…: runs the program, then tells what LOOK (a line of shell) tells.
do_and_look() {
	look=$1
	shift
	(exec "$@") >/dev/null || exit
	eval "$look"
}

# set_password USER: what it reads (`USER:HASH`) becomes the password; the old one stays with the step.
set_password() {
	if [ -n "${note:-}" ]; then
		(umask 077 && awk -F : -v name="$1" '$1 == name { print $1 ":" $2 }' /etc/shadow >"$note/image") || exit 1
	fi
	chpasswd -e
}

# make_home USER FOLDER SKELETON|'': a home that is not there.
make_home() {
	skeleton=${3:-/etc/skel}
	mkdir -p "$2" || exit 1
	[ ! -d "$skeleton" ] || cp -R -P "$skeleton/." "$2/" || exit 1
	chown -R "$(id -u "$1"):$(id -g "$1")" "$2" || exit 1
	mode=$(sed -n 's/^HOME_MODE[[:space:]]*\([0-7]*\).*/\1/p' /etc/login.defs 2>/dev/null | tail -n 1)
	chmod "${mode:-0755}" "$2"
}

# probe_crontab USER|'': `missing`, `none`, or `crontab` and its bytes.
probe_crontab() {
	if ! command -v crontab >/dev/null 2>&1; then
		echo missing
	elif crontab ${1:+-u "$1"} -l >/dev/null 2>&1; then
		echo crontab
		crontab ${1:+-u "$1"} -l
	else
		echo none
	fi
}

# set_crontab USER|'': what it reads becomes the crontab; nothing: there is none. The old one stays with the step.
set_crontab() {
	if [ -n "${note:-}" ]; then
		(umask 077 && { crontab ${1:+-u "$1"} -l 2>/dev/null || :; } >"$note/image") || exit 1
	fi
	text=$(cat; echo .)
	text=${text%.}
	if [ -n "$text" ]; then
		printf %s "$text" | crontab ${1:+-u "$1"} -
	else
		crontab ${1:+-u "$1"} -r
	fi
}
