# bash completion for certctl: certctl itself knows.

_certctl()
{
	local IFS=$'\n'
	# shellcheck disable=SC2207
	COMPREPLY=($(certctl complete "${COMP_WORDS[@]:1:COMP_CWORD}" \
	    2>/dev/null | cut -f 1))
}
complete -o bashdefault -o default -F _certctl certctl
