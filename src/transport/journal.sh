# cowhand's memory on a server, sent behind memory.sh: who is at work, and what each run replaced.
#
# $state is /var/lib/cowhand for root, ~/.local/state/cowhand for others, and theirs alone (0700):
#
#   lock              who is at work, a line each: the run, who, since when (seconds since 1970), the lease
#                     in seconds. Its time of last change is when it was renewed; a lock that is older than
#                     its lease was left behind, and is taken over by whoever comes next.
#   owed/SHA256       a handler that was notified and has not succeeded since: when, and its name
#   runs/NUMBER.RUN/  what one run changed; numbered as they came, whatever the clock says
#     manifest        what was run, by whom and from where, as the run said it (JSON)
#     begun           when, seconds since 1970; then from which address, where sshd told
#     ended           when; then how: `applied`, `failed`, `rolled back`, `not rolled back`, `stopped` (others
#                     had failed), `interrupted`, `cut off`. Not there: the run is at work, or was cut off and nobody has come since.
#     STEP/           one change, ten digits, numbered by the run; all but the last five say for
#                     which of the names that this server has in the inventory
#       record        the function; what was there before, as state_of says it; then the path
#       image         what was there: the file, the link, or the folder that was removed
#       below         attributes of everything below, where they are set for everything below
#       beyond        why there is no image
#       after         what is there afterwards, as state_of says it
#       done          it was made
#       undone        it was taken back
#       back            shell that takes it back, where it was a command; `record` then names what it was done to
#     undoing         it is being taken back
#     answers/STEP/   what a step said, for as long as whoever asked may not have heard: out, err, rc; and
#                     pid, who makes it
#     STEP/handler    instead of these: the name of a handler that runs,
#     STEP/changes    and what it does, for whoever takes the run back later (JSON)
#
# Everything up to `record` is on the disk before anything live is touched. So a run that was cut off
# anywhere left each path as it was or as it should be, and the journal knows which paths to look at.

# KiB that one run may keep; what is larger is not kept, and can't be taken back.
image_limit=262144
# KiB that all runs may keep, and how many runs.
runs_limit=1048576
runs_kept=10
# Attributes below a folder that are kept.
below_limit=5000
# Seconds without a step after which a shell that is still open no longer renews the lock.
idle_limit=3600

# --- the lock -------------------------------------------------------------------------------------

# lapsed: whether the lock that was read was left behind. One from the future was not renewed either.
lapsed() {
	seconds=$(age "$state/lock") || return 0
	[ "$seconds" -gt "$lease" ] || [ "$seconds" -lt "-$lease" ]
}

# take_lock RUN WHO LEASE: takes it ($ours: it was ours already), or says whose it is and ends the request
# with exit status 75.
take_lock() {
	tries=0 ours=
	until said=$( (set -C && : >"$state/lock") 2>&1); do
		tries=$((tries + 1))
		[ "$tries" -lt 20 ] || fail "$said"
		read_lock || continue
		if [ "$holder" = "$1" ]; then
			ours=1
			return 0
		fi
		lapsed && take_over && continue
		printf '%s\n%s\n%s\n%s\n%s\n' "$holder" "$who" "$since" "$lease" "$(age "$state/lock")"
		exit 75
	done
	if ! printf '%s\n%s\n%s\n%s\n' "$1" "$2" "$(date +%s)" "$3" >"$state/lock"; then
		rm -f "$state/lock"
		exit 1
	fi
}

# take_over: removes a lock that was left behind. Each such lock has one name to be claimed by, so that
# of two who come at once one alone removes it, and never the other's new lock.
take_over() {
	left=$holder claim=$state/lock.$holder.over
	[ ! -e "$claim" ] || [ "$(age "$claim")" -lt 60 ] || rm -f "$claim"
	(set -C && : >"$claim") 2>/dev/null || return
	if read_lock && [ "$holder" = "$left" ] && lapsed; then
		rm -f "$state/lock"
	fi
	rm -f "$claim"
}

# hold RUN: sets $state and $journal, and renews the lock; ends the request when it is no longer ours.
hold() {
	state_folder
	! find_run "$1" || not_too_late
	read_lock && [ "$holder" = "$1" ] && find_run "$1" ||
		fail "this run no longer holds the lock of this server${who:+, $who does}; nothing more is touched"
	touch -c "$state/lock" "$journal"
	at_work
}

# renew RUN LEASE: renews the lock as long as this shell is there, in the background. A program of its own:
# a copy of this shell would hold the session's streams open behind a shell that was killed.
renew() {
	sh -c '
		cd /
		while sleep "$1"; do
			kill -0 "$2" && IFS= read -r holder <"$3" && [ "$holder" = "$4" ] || exit
			[ $(($(date +%s) - $(stat -c %Y "$5"))) -lt "$6" ] || exit
			touch -c "$3"
		done' sh "$(($2 / 3))" $$ "$state/lock" "$1" "$journal" "$idle_limit" </dev/null >/dev/null 2>&1 &
}

# --- runs -----------------------------------------------------------------------------------------

# find_run RUN: sets $journal.
find_run() {
	for journal in "$state/runs/"*".$1"; do
		[ ! -d "$journal" ] || return 0
	done
	return 1
}

# begin_run RUN WHO LEASE: takes the lock, tidies up after runs that were cut off, and opens a journal;
# reads the manifest. A run may say so through each of its shells.
begin_run() {
	umask 077
	state_folder
	[ ! -e "$state/runs" ] || ! find_run "$1" || [ ! -e "$journal/ended" ] ||
		fail 'this run was taken for dead by another one, and is over'
	mkdir -p "$state/runs" || exit 1
	take_lock "$@"
	# A shell that lost its connection may be about to open the journal.
	tries=0
	while [ "$ours" ] && [ "$tries" -lt 5 ] && ! find_run "$1"; do
		sleep 1
		tries=$((tries + 1))
	done
	if find_run "$1"; then
		renew "$1" "$3"
		return 0
	fi
	trap 'rm -f "$state/lock"; rm -rf "$state/runs/.new"' 0
	tidy_up
	last=$(ls "$state/runs" | sed -n 's/^\([0-9]\{6\}\)\..*/\1/p' | tail -n 1)
	# The leading 1 keeps zeros from meaning octal.
	number=$((1${last:-000000} + 1))
	journal=$state/runs/${number#1}.$1 new=$state/runs/.new
	rm -rf "$new"
	mkdir "$new" && cat >"$new/manifest" && printf '%s\n%s\n' "$(date +%s)" "${SSH_CLIENT%% *}" >"$new/begun" || exit 1
	flush "$new/manifest" "$new/begun" "$new"
	mv "$new" "$journal" || exit 1
	flush "$state/runs" "$state" "${state%/*}/"
	trap - 0
	renew "$1" "$3"
}

# tidy RUN WHO LEASE: for a run that has nothing else to do here.
tidy() {
	umask 077
	state_folder
	take_lock "$@"
	tidy_up
	rm -f "$state/lock"
}

# tidy_up: what runs that were cut off left behind. What they had begun goes on with the next run of their
# playbook: each file is old or new, and their handlers are owed.
tidy_up() {
	take_back_overdue
	for journal in "$state/runs/"[0-9]*; do
		[ -d "$journal" ] || continue
		[ ! -e "$journal/ended" ] || [ -e "$journal/undoing" ] || continue
		for note in "$journal"/[0-9]*; do
			[ -f "$note/record" ] && [ ! -e "$note/back" ] || continue
			read_record "$note"
			rm -f "${place%/*}/.${place##*/}.cowhand."??????
		done
		rm -f "$journal/undoing"
		[ -e "$journal/ended" ] || close_run 'cut off'
	done
	rm -f "$state/owed/".?????? "$state/.undo."??????
}

# close_run HOW: says in $journal that it is over.
close_run() {
	rm -rf "$journal/answers"
	printf '%s\n%s\n' "$(date +%s)" "$1" >"$journal/.ended" || return
	flush "$journal/.ended"
	mv -f "$journal/.ended" "$journal/ended" && flush "$journal"
}

# end_run RUN HOW: the run is over; old ones go, the lock is free.
end_run() {
	umask 077
	state_folder
	find_run "$1" && [ ! -e "$journal/unconfirmed" ] || return 0
	close_run "$2" || exit 1
	prune
	prune_written
	if read_lock && [ "$holder" = "$1" ]; then
		rm -f "$state/lock"
	fi
}

# prune: the oldest runs go, until they are few and small enough. One that has not ended stays.
prune() {
	set -- "$state/runs/"[0-9]*
	while [ $# -gt 1 ]; do
		[ $# -gt "$runs_kept" ] || [ "$(du -sk "$state/runs" | cut -f 1)" -gt "$runs_limit" ] || return 0
		[ ! -e "$1/ended" ] || rm -rf "$1"
		shift
	done
}

# --- steps ----------------------------------------------------------------------------------------

# step RUN NUMBER FUNCTION ARGUMENT…: does it, and keeps what it replaces and what it says. Whoever lost the
# connection before they heard sends it again: what was done is told and not done twice.
step() {
	run=$1 number=$2
	shift 2
	hold "$run"
	slot=$journal/answers/$number
	[ -d "${slot%/*}" ] || (umask 077 && mkdir -p "${slot%/*}") || exit 1
	if said=$(umask 077 && mkdir "$slot" 2>&1); then
		sh -c 'echo "$PPID"' >"$slot/pid" || exit 1
		made "$@" || exit 1
	elif [ ! -d "$slot" ]; then
		fail "$said"
	elif ! heard_of "$slot"; then
		case $1 in
		write_file | make_link | remove_path | set_attributes | make_dir | touch_path | undo_run) made "$@" || exit 1 ;;
		*) fail 'the connection was lost while this ran, and it can not be told whether it came to its end' ;;
		esac
	fi
	cat "$slot/out"
	cat "$slot/err" >&2
	read -r rc <"$slot/rc"
	return "$rc"
}

# made FUNCTION ARGUMENT…: makes a step, and keeps in $slot what it says.
made() {
	(make_step "$@") >"$slot/out" 2>"$slot/err"
	echo "$?" >"$slot/.rc" && mv "$slot/.rc" "$slot/rc"
}

# heard_of SLOT: waits for whoever makes that step; fails when they are gone.
heard_of() {
	until [ -e "$1/rc" ]; do
		sleep 1
		[ ! -e "$1/rc" ] || return 0
		read -r maker 2>/dev/null <"$1/pid" && kill -0 "$maker" 2>/dev/null || return
	done
}

# heard RUN NUMBER: what was said before that step was heard, and is kept no longer.
heard() (
	state_folder
	find_run "$1" || return 0
	for slot in "$journal/answers/"*; do
		case ${slot##*/} in "${2%?????}"*) [ "${slot##*/}" -ge "$2" ] 2>/dev/null || rm -rf "$slot" ;; esac
	done
)

# make_step FUNCTION ARGUMENT…: makes the step $number, also one that was cut off in the middle.
make_step() {
	place=${2:-}
	case $1 in
	with_back)
		back=$2 place=$3 note=$journal/$number
		shift 3
		keep_back || exit 1
		# A command that failed has done nothing.
		("$@") || { failed=$?; rm -rf "$note"; exit "$failed"; }
		: >"$note/done"
		return
		;;
	write_file | run_download | make_link | remove_path) extent=whole ;;
	set_attributes | make_dir | touch_path)
		extent=attributes
		[ ! -L "$place" ] || place=$(readlink -f "$place") || fail "$2: leads nowhere"
		;;
	*)
		"$@"
		return
		;;
	esac
	note=$journal/$number
	if [ ! -e "$note/record" ]; then
		[ ! -e "$note" ] || rm -rf "$note"
		(umask 077 && make_record "$@") || exit 1
	elif [ -e "$note/after" ] && [ "$(state_of "$place" "$extent")" = "$(cat "$note/after")" ]; then
		(umask 077 && keep_written "$1") 2>/dev/null || :
		: >"$note/done"
		[ ! -e "$place" ] || tell "$place"
		return
	fi
	"$@" || exit
	(umask 077 && state_of "$place" "$extent" >"$note/after" && : >"$note/done") || exit 1
	(umask 077 && keep_written "$1") 2>/dev/null || :
}

# keep_back: $back, which takes back what is about to be done to $place, on the disk before this returns.
keep_back() (
	umask 077
	mkdir "$note" && printf '%s\n' "$back" >"$note/back" &&
		printf 'command\n-\n%s' "$place" >"$note/record" && flush "$note"/* "$note" "$journal"
)

# make_record FUNCTION ARGUMENT…: what is at $place, on the disk before this returns.
make_record() {
	was=$(state_of "$place" "$extent") && mkdir "$note" || exit 1
	printf '%s\n%s\n%s' "$1" "$was" "$place" >"$note/record" || exit 1
	case $1:$was in
	*:absent) ;;
	write_file:* | run_download:* | make_link:*)
		if fits "$place"; then
			cp -a "$place" "$note/image" || exit 1
		fi
		;;
	set_attributes:folder*)
		[ "${6:-}" != recurse ] || below "$place"
		;;
	esac
	[ "$extent" != whole ] || forget_written "$1"
	flush "$note"/* "$note" "$journal"
}

# fits PATH: whether it may be kept; else the step says why not.
fits() {
	size=$(brief du -sk "$1" 2>/dev/null | cut -f 1)
	kept=$(du -sk "$journal" | cut -f 1)
	if [ -z "$size" ] || [ $((size + kept)) -gt "$image_limit" ]; then
		echo 'too large to be kept' >"$note/beyond"
		return 1
	fi
}

# below FOLDER: keeps the attributes of everything in it, a line each.
below() {
	odd='*
*'
	if [ -n "$(find "$1" -name "$odd" 2>/dev/null | head -n 1)" ]; then
		echo 'a name below it holds a line feed' >"$note/beyond"
	elif [ "$(find "$1" | head -n "$((below_limit + 1))" | wc -l)" -gt "$below_limit" ]; then
		echo "more than $below_limit files are below it" >"$note/beyond"
	else
		find "$1" ! -type l -exec stat -c '%a %u %g %n' {} + >"$note/below" || exit 1
	fi
}

# set_aside PATH: what a step removes becomes its image, where it fits and is on the same file system or
# can be copied. Fails when it has to go for good.
set_aside() {
	fits "$1" || return
	if [ "$(stat -c %d "$1")" = "$(stat -c %d "$note")" ]; then
		mv -f "$1" "$note/image" || exit 1
	else
		cp -a "$1" "$note/image" || exit 1
		rm -rf "$1" || exit 1
	fi
	flush "$note" "${1%/*}/"
}

# note_handler RUN NUMBER HANDLER: a handler runs; reads what it does.
note_handler() {
	umask 077
	hold "$1"
	note=$journal/$2
	mkdir -p "$note" && cat >"$note/changes" && printf %s "$3" >"$note/handler" || exit 1
	flush "$note/changes" "$note/handler" "$note" "$journal"
}

# state_of PATH whole|attributes: what is there, in one line that is the same as long as it is the same.
state_of() {
	if [ -L "$1" ]; then
		sum=$(readlink -n "$1" | sha256sum) || exit 1
		printf 'link %s\n' "${sum%% *}"
	elif [ -f "$1" ]; then
		sum=-
		[ "$2" = attributes ] || sum=$(digest "$1") || exit 1
		printf 'file %s %s\n' "$(stat -c %a:%u:%g "$1")" "$sum"
	elif [ -d "$1" ]; then
		printf 'folder %s\n' "$(stat -c %a:%u:%g "$1")"
	elif [ -e "$1" ]; then
		printf 'other %s\n' "$(stat -c %f:%u:%g "$1")"
	else
		nothing "$1"
		echo absent
	fi
}

# read_record STEP: sets $function, $was and $place.
read_record() {
	{ IFS= read -r function && IFS= read -r was; } <"$1/record"
	place=$(tail -n +3 "$1/record"; echo .)
	place=${place%.}
}
