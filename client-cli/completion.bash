# Completion of post-server, user-server and postcli for bash (and for zsh, by
# bashcompinit). It asks the program itself: --help=words lists what a command takes,
# "list", "--limit=" for an option with a value, "--format=json" for one of its values, and
# the same for its letter: "-n=", "-o=json".

# The words before the one at hand that are no options, and no values of options.
_pair_command()
{
    local program=$1 known i
    command=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -*)
            # Its value is the word behind it, or, as readline splits it, the two behind it.
            known=$("$program" "${command[@]}" --help=words 2>/dev/null)
            [[ ${#command[@]} -gt 0 || $program != *postcli ]] || known="--target= --user-target= -n= -o= $known"
            if [[ ${COMP_WORDS[i + 1]-} == "=" ]]; then
                ((i += 2))
            elif [[ " ${known//$'\n'/ } " == *" ${COMP_WORDS[i]}= "* ]]; then
                ((i += 1))
            fi
            ;;
        help) ((${#command[@]} > 0)) && command+=(help) ;;
        *) command+=("${COMP_WORDS[i]}") ;;
        esac
    done
}

_pair_complete()
{
    local program=$1 word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words values=
    local -a command

    # Readline takes "--format=ta" for three words.
    if [[ $word == "=" ]]; then
        word="$before="
    elif [[ $before == "=" ]] && ((COMP_CWORD >= 2)); then
        word="${COMP_WORDS[COMP_CWORD - 2]}=$word"
    fi
    _pair_command "$program"
    words=$("$program" "${command[@]}" --help=words 2>/dev/null)
    if [[ $before == -* && $word != *=* && $'\n'$words$'\n' == *$'\n'"$before="$'\n'* ]]; then
        word="$before=$word" # the value, behind a space
    fi
    if [[ $word == *=* ]]; then
        if [[ ${word#*=} == *,* ]]; then # several values: the last one is at hand
            values=${word#*=}
            values=${values%,*},
            word="${word%%=*}=${word##*,}"
        fi
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
        COMPREPLY=("${COMPREPLY[@]#*=}")
        [[ ${COMPREPLY[0]-} == "" ]] && COMPREPLY=("${COMPREPLY[@]:1}") # "--format=" itself
        ((${#COMPREPLY[@]} == 0)) || COMPREPLY=("${COMPREPLY[@]/#/$values}")
        if ((${#COMPREPLY[@]} == 0)); then # a value of no known kind: a file, perhaps
            mapfile -t COMPREPLY < <(compgen -f -- "$values${word#*=}")
        fi
        return
    fi
    # Options only where one was begun; and a first argument only once.
    if [[ $word == -* ]]; then
        words=$(grep -- '^--' <<<"$words")
    elif ((${#command[@]} > 0)) && grep -qxF -- "${command[-1]}" <<<"$words"; then
        words=
    else
        words=$(grep -v -- '^-' <<<"$words")
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    if ((${#COMPREPLY[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    elif [[ ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _pair_complete postcli post-server user-server
