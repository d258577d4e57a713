; The installer of popgate for Windows, made by deploy/windows/build.
;
;   popgate-VERSION-setup.exe                asks, and shows the console's first page at the end
;   popgate-VERSION-setup.exe /S             installs the service without asking
;   popgate-VERSION-setup.exe /S /NOSERVICE  installs the program alone
;   uninstall.exe /S                         removes both; settings and mail stay
;
; The program is in "Program Files", the service's settings and mail are in %ProgramData%\popgate.

Unicode true
Target amd64-unicode
!include LogicLib.nsh
!include FileFunc.nsh
!include MUI2.nsh

Name "popgate"
OutFile "${OUTPUT}"
InstallDir "$PROGRAMFILES64\popgate"
RequestExecutionLevel admin
SetCompressor /SOLID lzma
ShowInstDetails show

!define KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\popgate"

!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!define MUI_FINISHPAGE_RUN "$INSTDIR\popgate.exe"
!define MUI_FINISHPAGE_RUN_PARAMETERS "open"
!define MUI_FINISHPAGE_RUN_TEXT "Open the console in the browser, to name the mail server"
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "German"

Section "popgate" base
    SectionIn RO
    ; An update: the file of a program that runs cannot be replaced. There may be no service yet.
    nsExec::ExecToLog '"$INSTDIR\popgate.exe" uninstall'
    Pop $0
    SetOutPath "$INSTDIR"
    File "/oname=popgate.exe" "${PROGRAM}"
    WriteUninstaller "$INSTDIR\uninstall.exe"
    SetShellVarContext all
    CreateShortcut "$SMPROGRAMS\popgate.lnk" "$INSTDIR\popgate.exe" "open"
    WriteRegStr HKLM "${KEY}" "DisplayName" "popgate"
    WriteRegStr HKLM "${KEY}" "DisplayVersion" "${VERSION}"
    WriteRegStr HKLM "${KEY}" "Publisher" "the popgate authors"
    WriteRegStr HKLM "${KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
    WriteRegStr HKLM "${KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
    WriteRegDWORD HKLM "${KEY}" "NoModify" 1
    WriteRegDWORD HKLM "${KEY}" "NoRepair" 1
    ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
    WriteRegDWORD HKLM "${KEY}" "EstimatedSize" $0
SectionEnd

Section "Start with Windows, as a service" starting
    nsExec::ExecToLog '"$INSTDIR\popgate.exe" install'
    Pop $0
    ${If} $0 != 0
        DetailPrint "The service could not be installed (exit code $0)."
        SetErrorLevel 2
        MessageBox MB_ICONEXCLAMATION|MB_OK "The service could not be installed. The details show why." /SD IDOK
    ${EndIf}
SectionEnd

Function .onInit
    SetRegView 64
    ${GetParameters} $0
    ClearErrors
    ${GetOptions} $0 "/NOSERVICE" $1
    ${IfNot} ${Errors}
        SectionSetFlags ${starting} 0
    ${EndIf}
FunctionEnd

Function un.onInit
    SetRegView 64
FunctionEnd

Section "un.popgate"
    nsExec::ExecToLog '"$INSTDIR\popgate.exe" uninstall'
    Pop $0
    SetShellVarContext all
    Delete "$SMPROGRAMS\popgate.lnk"
    Delete "$INSTDIR\popgate.exe"
    Delete "$INSTDIR\uninstall.exe"
    RMDir "$INSTDIR"
    DeleteRegKey HKLM "${KEY}"
    ; `popgate uninstall` does it, unless somebody has removed the service before.
    DeleteRegKey HKLM "SYSTEM\CurrentControlSet\Services\EventLog\Application\popgate"
    ; $APPDATA is %ProgramData% here. Mail that is held is nowhere else.
    IfFileExists "$APPDATA\popgate\*.*" 0 done
    MessageBox MB_ICONQUESTION|MB_YESNO|MB_DEFBUTTON2 "Delete popgate's settings, what it has learned and the mail that it holds, too?$\r$\n$\r$\n$APPDATA\popgate" /SD IDNO IDNO done
    RMDir /r "$APPDATA\popgate"
    done:
SectionEnd
