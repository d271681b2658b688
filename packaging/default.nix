# The static program: nothing of it needs to be patched.
{ pkgs ? import <nixpkgs> { } }:

let
  version = "@VERSION@";
  releases = {
    x86_64-linux = {
      target = "x86_64-unknown-linux-musl";
      sha256 = "@SHA256_X86_64@";
    };
    aarch64-linux = {
      target = "aarch64-unknown-linux-musl";
      sha256 = "@SHA256_AARCH64@";
    };
  };
  release = releases.${pkgs.stdenv.hostPlatform.system};
in
pkgs.stdenv.mkDerivation {
  pname = "tokctl";
  inherit version;
  src = pkgs.fetchurl {
    url = "@BASE@/v${version}/tokctl-${version}-${release.target}.tar.gz";
    inherit (release) sha256;
  };
  nativeBuildInputs = [ pkgs.installShellFiles ];
  dontStrip = true;
  installPhase = ''
    runHook preInstall
    install -Dm755 tokctl $out/bin/tokctl
    installManPage man/*
    installShellCompletion --bash --name tokctl completions/tokctl.bash
    installShellCompletion --zsh completions/_tokctl
    installShellCompletion --fish completions/tokctl.fish
    runHook postInstall
  '';
  meta = {
    description = "OAuth 2.0 tokens for shell scripts, git and cron";
    homepage = "@HOMEPAGE@";
    license = [ pkgs.lib.licenses.mit pkgs.lib.licenses.asl20 ];
    platforms = builtins.attrNames releases;
    mainProgram = "tokctl";
  };
}
