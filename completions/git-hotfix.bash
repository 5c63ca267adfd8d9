# bash completion for git-hotfix, and through git's own completion for `git hotfix`.
# The program itself says what fits; this only hands the words over. Never uses the network.

# Fills COMPREPLY for the given words (the last one is $cur). Stands after the program to ask.
__git_hotfix_reply()
{
	local typed=${cur//\\/} settled='' word
	# readline's own word begins after an equals sign.
	case $COMP_WORDBREAKS in
	*=*) settled=${typed%"${typed##*=}"} ;;
	esac
	COMPREPLY=()
	# Where nothing fits, file names do not either.
	compopt +o default +o bashdefault 2>/dev/null
	while IFS=$'\t' read -r word _; do
		if [ "$word" = ":paths" ]; then
			compopt -o default 2>/dev/null
		else
			# Quoted, because of the exclamation mark of merge requests.
			printf -v word '%q ' "${word#"$settled"}"
			COMPREPLY+=("$word")
		fi
	done < <("$@" complete -- "${words[@]//\\/}" 2>/dev/null)
}

# Called by git's completion, which says where the command stands and which options git itself got.
_git_hotfix()
{
	local at=${__git_cmd_idx:-1}
	local words=("${words[@]:at+1:cword-at}")
	__git_hotfix_reply __git hotfix
}

# For `git-hotfix` with the dash.
__git_hotfix_dashed()
{
	local cur words cword
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n =: cur words cword
	else
		cur=${COMP_WORDS[COMP_CWORD]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
	fi
	words=("${words[@]:1:cword}")
	__git_hotfix_reply git-hotfix
}

complete -o bashdefault -o default -o nospace -F __git_hotfix_dashed git-hotfix
