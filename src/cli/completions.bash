_edgereel() {
    # The word before the cursor. bash parts it at "=" and ":", and replaces what is behind the last of these alone.
    local line=${COMP_LINE:0:COMP_POINT}
    local last=${line##*[[:space:]]} whole=$2 at=$COMP_CWORD
    [[ -z $whole && ${COMP_WORDS[at]} == [=:]* ]] && whole=${COMP_WORDS[at]}
    while [[ at -gt 1 && $whole != "$last" && $last == *"$whole" ]]; do
        at=$((at - 1))
        whole=${COMP_WORDS[at]}$whole
    done
    local words=("${COMP_WORDS[@]}")
    if [[ $whole == "$last" ]]; then
        words=("${COMP_WORDS[@]:0:at}" "$last")
    else
        at=$COMP_CWORD last=$2
        words[at]=$2
    fi
    local space=true IFS=$'\013'
    if compopt +o nospace 2>/dev/null; then
        space=false
    fi
    if ! COMPREPLY=($(
        _CLAP_IFS=$IFS _CLAP_COMPLETE_INDEX=$at _CLAP_COMPLETE_COMP_TYPE=$COMP_TYPE _CLAP_COMPLETE_SPACE=$space \
            EDGEREEL_COMPLETE=bash edgereel -- "${words[@]}"
    )); then
        unset COMPREPLY
        return
    fi
    COMPREPLY=("${COMPREPLY[@]#"${last%"$2"}"}")
    if [[ $space == false && ${COMPREPLY-} =~ [=/:]$ ]]; then
        compopt -o nospace
    fi
}
complete -o nospace -o bashdefault -o nosort -F _edgereel edgereel
