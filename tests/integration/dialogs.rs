//! Every dialogue in tests/dialogs, a test each, at every size of piece. See support/dialog.rs for
//! their language; those named `trap_NN` belong to a trap of the field, by its number.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::collections::BTreeSet;

macro_rules! dialogs {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                crate::support::dialog::run(stringify!($name));
            }
        )*

        /// The same without a socket: nothing but the exchange.
        mod in_memory {
            $(
                #[test]
                fn $name() {
                    crate::support::dialog::run_in_memory(stringify!($name));
                }
            )*
        }

        /// A file that nobody runs would prove nothing.
        #[test]
        fn every_file_is_a_test() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dialogs");
            let files: BTreeSet<_> = std::fs::read_dir(folder)
                .unwrap()
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            let tests: BTreeSet<_> = [$(concat!(stringify!($name), ".txt")),*].map(str::to_owned).into();
            assert_eq!(files, tests);
        }
    };
}

dialogs! {
    a_client_that_half_closes_gets_its_answers
    a_client_that_leaves_without_quit_commits_nothing
    a_large_message_is_judged_by_its_beginning
    a_spammer_cannot_vouch_for_himself
    garbage_is_refused
    headers_always_mark_ham_too
    headers_never_leave_the_subject_mark
    http_is_sent_away
    pipelined_delete_of_a_broken_message_is_never_sent
    pipelined_delete_waits_for_its_message
    sizes_tell_what_will_be_sent
    spam_is_dropped_with_a_notice
    the_subject_mark_stays_outside_encoded_words
    trap_01_nothing_follows_a_message_unasked
    trap_02_status_lines_end_in_crlf
    trap_03_the_end_is_found_at_every_split
    trap_04_lf_dot_lf_is_no_end
    trap_05_stuffing_survives_rewriting
    trap_06_messages_without_body_or_header
    trap_07_a_refusal_is_one_line
    trap_08_unknown_commands_pass
    trap_09_no_reply_is_edited_but_its_own
    trap_10_half_a_held_message_is_refused
    trap_10_no_dot_is_invented
    trap_11_a_late_answer_is_never_the_next_ones
    trap_12_chatter_is_kept_from_the_client
    trap_12_no_greeting_is_an_error_in_time
    trap_13_answers_and_commands_come_in_any_pieces
    trap_14_verbs_in_any_case_with_spaces_and_bare_lf
    trap_22_top_of_everything_is_judged_as_retr
    trap_23_top_is_never_dropped
    trap_24_a_verdict_on_top_is_not_final
    trap_25_top_is_always_answered
    trap_26_capa_is_computed_before_and_after_login
    trap_27_utf8_passes
    trap_28_the_apop_stamp_is_untouched
    trap_29_auth_alone_lists_mechanisms
    trap_30_xoauth2_in_two_steps_with_a_long_blob
    trap_31_auth_lines_are_no_commands
    trap_32_only_mechanisms_that_work_are_offered
    trap_33_passwords_hold_spaces
    trap_34_login_errors_arrive_word_for_word
    trap_35_no_login_is_tried_twice
    trap_36_stls_is_not_offered_on_a_plain_listener
}
