# Completions of tokctl for PowerShell, which asks the program itself:
# tokctl completions powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName 'tokctl' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    # As they are typed: what the words would evaluate to is not looked at.
    $before = @($commandAst.CommandElements | Select-Object -Skip 1 |
            Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
            ForEach-Object {
                if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value }
                else { $_.Extent.Text }
            })
    $found = @(& (Get-Command -Name tokctl -CommandType Application -TotalCount 1) complete "--current=$wordToComplete" -- $before 2>$null)
    # For files PowerShell's own completion comes where there is none of ours.
    if ($found.Count -lt 2 -or $found[0] -ne 'words') { return }
    $found | Select-Object -Skip 1 | ForEach-Object {
        $value, $about = $_ -split "`t", 2
        if (-not $about) { $about = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $about)
    }
}
