class Tokctl < Formula
  desc "OAuth 2.0 tokens for shell scripts, git and cron"
  homepage "@HOMEPAGE@"
  version "@VERSION@"
  license any_of: ["MIT", "Apache-2.0"]

  on_macos do
    url "@BASE@/v@VERSION@/tokctl-@VERSION@-source.tar.gz"
    sha256 "@SHA256_SOURCE@"
    depends_on "rust" => :build
  end

  on_linux do
    on_intel do
      url "@BASE@/v@VERSION@/tokctl-@VERSION@-x86_64-unknown-linux-musl.tar.gz"
      sha256 "@SHA256_X86_64@"
    end
    on_arm do
      url "@BASE@/v@VERSION@/tokctl-@VERSION@-aarch64-unknown-linux-musl.tar.gz"
      sha256 "@SHA256_AARCH64@"
    end
  end

  def install
    if OS.mac?
      system "cargo", "install", *std_cargo_args
    else
      bin.install "tokctl"
    end
    man1.install Dir["man/*.1"]
    man5.install Dir["man/*.5"]
    man7.install Dir["man/*.7"]
    bash_completion.install "completions/tokctl.bash" => "tokctl"
    zsh_completion.install "completions/_tokctl"
    fish_completion.install "completions/tokctl.fish"
  end

  test do
    assert_equal "tokctl #{version}\n", shell_output("#{bin}/tokctl --version")
  end
end
