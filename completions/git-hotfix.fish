# fish completion for git-hotfix and `git hotfix`. Stands in a conf.d directory, read when a shell starts,
# because fish 3.6.0 does not complete commands that others add to git.
# The program itself says what fits; this only hands the words over. Never uses the network.

# What fits after the given words.
function __git_hotfix_reply
    set -l typed (string unescape -- (commandline -ct))
    set -l found (git-hotfix complete -- $argv "$typed" 2>/dev/null)
    if test "$found" = :paths
        __fish_complete_path "$typed"
    else
        printf '%s\n' $found
    end
end

function __git_hotfix_dashed
    set -l words (commandline -opc)
    __git_hotfix_reply $words[2..]
end

function __git_hotfix_in_git
    set -l words (commandline -opc)
    set -l at (contains -i -- hotfix $words)
    and __git_hotfix_reply $words[(math $at + 1)..]
end

complete -c git-hotfix -f -a '(__git_hotfix_dashed)'
# The conditions are functions of fish's own completion of git.
complete -c git -f -n __fish_git_needs_command -a hotfix -d 'Bring an urgent fix to production and back'
complete -c git -f -n '__fish_git_using_command hotfix' -a '(__git_hotfix_in_git)'
