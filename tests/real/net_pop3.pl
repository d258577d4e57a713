# Fetches a mailbox with Net::POP3 from Perl's core, each message into a file named by its number.
#
#   perl net_pop3.pl off|starttls|implicit PORT USER PASSWORD COUNT FOLDER [CA_FILE]
use strict;
use warnings;
use Net::POP3;

my ($tls, $port, $user, $password, $count, $folder, $ca) = @ARGV;
my %trust = (SSL_ca_file => $ca, SSL_verify_mode => 1, SSL_verifycn_name => '127.0.0.1', SSL_verifycn_scheme => 'pop3');
my @implicit = $tls eq 'implicit' ? (SSL => 1, %trust) : ();

my $pop = Net::POP3->new('127.0.0.1', Port => $port, Timeout => 60, @implicit) or die "cannot connect: $@\n";
if ($tls eq 'starttls') {
    $pop->starttls(%trust) or die 'STLS failed: ' . $pop->message . "\n";
}
defined $pop->login($user, $password) or die 'login refused: ' . $pop->message . "\n";
for my $number (1 .. $count) {
    open my $file, '>:raw', "$folder/$number" or die "$folder/$number: $!\n";
    $pop->get($number, $file) or die "message $number: " . $pop->message . "\n";
    close $file or die "$folder/$number: $!\n";
}
$pop->quit or die 'QUIT failed: ' . $pop->message . "\n";
