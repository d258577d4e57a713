#!/usr/bin/perl
# Which rules SpamAssassin hits, parts included: file names on stdin, "NAME<TAB>RULE RULE…" on stdout.
# Local only: no network, no classifier, no user's settings.
use strict;
use warnings;
use Mail::SpamAssassin;

my $assassin = Mail::SpamAssassin->new({
    local_tests_only     => 1,
    dont_copy_prefs      => 1,
    require_rules        => 1,
    userprefs_filename   => '/dev/null',
    post_config_text     => "use_bayes 0\nuse_auto_welcomelist 0\nuse_txrep 0\n"
        . "time_limit 0\nuse_learner 0\n",
    (@ARGV ? (rules_filename => $ARGV[0]) : ()),
});
$assassin->init(1);
$| = 1;
while (my $path = <STDIN>) {
    chomp $path;
    open(my $file, '<:raw', $path) or die "$path: $!";
    my $text = do { local $/; <$file> };
    close($file);
    my $mail = $assassin->parse($text, 1);
    my $status = $assassin->check($mail);
    my @names = grep { $_ ne '' } map { split /,/ }
        ($status->get_names_of_tests_hit() // '', $status->get_names_of_subtests_hit() // '');
    s/\(\d+\)$// for @names;
    print $path, "\t", join(' ', @names), "\n";
    $status->finish();
    $mail->finish();
}
