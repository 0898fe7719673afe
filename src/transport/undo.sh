# How cowhand takes back on a server what a run changed, sent behind journal.sh: from what the run kept, newest
# first. Doing so twice is doing it once.

# undo_run RUN OTHER FROM careful|strict|force: takes back the steps of run OTHER from step FROM on, newest
# first; RUN holds the lock, and may be the same. Prints what became of each, ended by a NUL: `restored PATH`, or
# `left PATH`, a line feed and why. What was changed since is left alone; strict: then nothing is touched;
# force: it is replaced. Doing so twice is doing it once.
undo_run() {
	umask 077
	hold "$1"
	find_run "$2" || fail "there is no run $2 on this server"
	notes=$(ls "$journal" | grep '^[0-9]*$' | sort -r)
	if [ "$4" = strict ]; then
		seen_places=$(mktemp "$state/.undo.XXXXXX") || exit 1
		trap 'rm -f "$seen_places"' 0
		objections=$(each_note "$3" object | base64)
		if [ -n "$objections" ]; then
			printf '%s\n' "$objections" | base64 -d
			return 0
		fi
	fi
	: >"$journal/undoing"
	each_note "$3" undo "$4"
	rm -f "$journal/undoing"
}

# each_note FROM FUNCTION ARGUMENT…: calls it for each step that was not taken back yet.
each_note() {
	from=$1
	shift
	for name in $notes; do
		is_from "$from" "$name" || continue
		note=$journal/$name
		[ -f "$note/record" ] && [ ! -e "$note/undone" ] || continue
		read_record "$note"
		extent=whole
		case $function in set_attributes | make_dir | touch_path) extent=attributes ;; esac
		after=
		[ ! -e "$note/after" ] || IFS= read -r after <"$note/after"
		now=-
		[ -e "$note/back" ] || now=$(state_of "$place" "$extent" 2>/dev/null) || now=unknown
		"$@"
	done
}

# is_from FROM STEP: whether it is that step or a later one, of the same name of this server. From zero on: of all.
is_from() {
	case $1 in
	00000*) ;;
	*) [ "${1%?????}" = "${2%?????}" ] || return ;;
	esac
	[ "$2" -ge "$1" ] 2>/dev/null
}

# object: says when what is there now is neither what the newest step at a path left nor what was before.
object() {
	sum=$(printf %s "$place" | sha256sum)
	[ ! -e "$note/back" ] && ! grep -q "^${sum%% *}" "$seen_places" || return 0
	printf '%s\n' "$sum" >>"$seen_places"
	is_ours || left 'was changed since'
}

# is_ours: whether what is there now is what the step left, or was before. Of a step that was cut off it
# can't be known what it left.
is_ours() {
	now=$(essence "$now")
	[ "$now" = "$(essence "$was")" ] || [ "$now" = "$(essence "${after:-$now}")" ]
}

# essence STATE: without owner and mode of a file whose content is known. Services give their files back
# to themselves when they start.
essence() {
	case $1 in
	*' -') printf '%s\n' "$1" ;;
	file*) printf 'file %s\n' "${1##* }" ;;
	*) printf '%s\n' "$1" ;;
	esac
}

# is_back: whether there is nothing to bring back.
is_back() {
	[ "$now" = "$was" ] || return
	case $function in
	set_attributes) [ ! -e "$note/below" ] && [ ! -e "$note/beyond" ] ;;
	remove_path) [ ! -d "$note/image" ] || [ -L "$note/image" ] ;;
	esac
}

# left WHY: tells of a path that was not brought back.
left() {
	printf 'left %s\n%s\0' "$place" "$1"
}

# undo careful|strict|force: one step.
undo() {
	if [ -e "$note/back" ]; then
		if said=$( (. "$note/back") 2>&1 </dev/null); then
			: >"$note/undone"
			printf 'restored %s\0' "$place"
		else
			left "$(printf '%s\n' "$said" | tail -n 1)"
		fi
	elif is_back; then
		written_back
		: >"$note/undone"
	elif [ "$1" != force ] && ! (is_ours); then
		left 'was changed since'
	elif [ -e "$note/beyond" ]; then
		left "$(cat "$note/beyond")"
	elif said=$(restore 2>&1); then
		written_back
		: >"$note/undone"
		printf 'restored %s\0' "$place"
	else
		left "$(printf '%s\n' "$said" | tail -n 1)"
	fi
}

# restore: brings back what was at $place. A subshell of its own: it may exit.
restore() (
	case $was in
	absent)
		case $now in
		folder*) rmdir "$place" || exit 1 ;;
		*) rm -f "$place" || exit 1 ;;
		esac
		;;
	file* | link*)
		if [ -e "$note/image" ] || [ -L "$note/image" ]; then
			put_back
		else
			attributes_back "${was#* }" "$place"
		fi
		;;
	folder*)
		if [ -d "$note/image" ] && [ "$now" = absent ]; then
			mv "$note/image" "$place" || exit 1
		elif [ -d "$note/image" ]; then
			cp -a "$note/image/." "$place/" || exit 1
		else
			attributes_back "${was#* }" "$place"
			[ ! -e "$note/below" ] || while read -r mode uid gid inner; do
				[ ! -e "$inner" ] || attributes_back "$mode:$uid:$gid" "$inner"
			done <"$note/below"
		fi
		;;
	*) fail 'is nothing that can be brought back' ;;
	esac
	[ ! -d "${place%/*}/" ] || flush "${place%/*}/"
)

# put_back: the image, beside what it replaces and then in its place.
put_back() {
	[ ! -d "$place" ] || [ -L "$place" ] || fail 'is a folder now'
	candidate=$(mktemp "${place%/*}/.${place##*/}.cowhand.XXXXXX") || exit 1
	trap 'rm -f "$candidate"' 0
	rm -f "$candidate" && cp -a "$note/image" "$candidate" || exit 1
	[ -L "$candidate" ] || flush "$candidate"
	# A link to a folder is replaced, not followed.
	if ! mv -f -T "$candidate" "$place" 2>/dev/null; then
		[ ! -L "$place" ] || rm -f "$place"
		mv -f "$candidate" "$place" || exit 1
	fi
	trap - 0
}

# attributes_back MODE:UID:GID[ …] PATH
attributes_back() {
	dress=${1%% *}
	chown "${dress#*:}" "$2" && chmod "$(printf %05o "0${dress%%:*}")" "$2" || exit 1
}
