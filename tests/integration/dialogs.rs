//! Each dialogue in tests/dialogs as a test, at every read size. See support/dialog.rs for their
//! language; `trap_NN` is the number of a known interoperability problem of POP3.

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

        /// The same without sockets: only the exchange.
        mod in_memory {
            $(
                #[test]
                fn $name() {
                    crate::support::dialog::run_in_memory(stringify!($name));
                }
            )*
        }

        /// A file missing from the list above would never run.
        #[test]
        fn every_dialogue_file_is_a_test() {
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
    a_banner_of_many_lines_is_its_first_line
    a_client_that_disconnects_without_quit_deletes_nothing
    a_client_that_half_closes_gets_its_responses
    a_command_behind_a_message_read_ahead_fails_with_the_connection
    a_dot_in_lf_ends_what_is_relayed_while_it_arrives
    a_goodbye_before_an_idle_close_answers_no_command
    a_goodbye_without_crlf_answers_no_command
    a_goodbye_without_crlf_reaches_the_client
    a_last_line_with_cr_alone_reaches_the_client
    a_last_line_without_crlf_reaches_the_client
    a_late_sasl_response_is_not_relayed
    a_listing_asked_for_ahead_does_not_outlive_dele
    a_listing_that_comes_after_dele_is_not_used
    a_listing_without_its_last_line_end_is_complete
    a_long_message_is_not_read_ahead
    a_mailbox_in_use_is_no_wrong_password
    a_malformed_fetch_is_judged_too
    a_message_over_hold_bytes_is_judged_by_its_first_octets
    a_message_read_ahead_and_deleted_is_refused
    a_message_that_is_too_long_to_be_kept_is_fetched_again
    a_message_that_is_too_long_to_be_kept_streams
    a_second_answer_is_not_given_to_the_next_command
    a_server_may_break_off_after_quit
    a_server_may_close_after_dele
    a_server_may_close_instead_of_an_answer_to_capa
    a_server_may_close_instead_of_an_answer_to_quit
    a_server_that_closes_before_a_listing_asked_for_ahead_ends_the_session
    a_server_that_refuses_capa_gets_one_command_at_a_time
    a_warning_before_the_close_reaches_the_client
    an_empty_line_is_an_error
    an_error_to_an_unknown_command_is_one_line
    an_error_with_a_body_is_one_line
    an_incomplete_listing_gets_no_end
    an_ok_instead_of_a_challenge_ends_in_crlf
    capabilities_are_asked_for_if_many_messages_are_to_be_fetched
    commands_go_up_one_at_a_time_without_pipelining
    control_characters_and_empty_lines_are_refused
    cram_md5_and_scram_are_relayed
    dropped_spam_is_replaced_by_a_notice
    empty_listings_are_empty
    headers_always_adds_headers_to_ham
    headers_never_keeps_the_subject_mark
    http_requests_are_rejected
    inbound_spam_headers_are_removed_from_spam
    known_commands_are_written_anew
    lf_behind_the_final_dot_ends_when_the_server_is_silent
    lf_dot_inside_a_message_is_not_its_end_if_more_is_stated
    lf_dot_lf_among_pipelined_answers_is_text
    lf_dot_lf_in_mixed_lines_is_never_an_end
    lf_listing_after_a_rewritten_message
    lf_listings_end_at_once
    lf_message_among_pipelined_answers_ends_the_session
    lf_message_ends_when_the_server_is_silent
    lf_message_ends_with_the_connection
    lf_message_over_hold_bytes_ends_when_the_server_is_silent
    lf_message_that_ends_at_hold_bytes_gets_crlf
    lf_message_with_mixed_lines_ends_when_the_server_is_silent
    lf_messages_are_marked
    lf_messages_at_the_end_of_pipelined_answers_end_the_session
    malformed_commands_are_for_the_server_to_refuse
    messages_read_ahead_are_marked_and_held_back
    mixed_lines_do_not_end_with_the_connection
    nothing_is_read_ahead_where_messages_expire
    nothing_is_read_ahead_where_the_client_pipelines
    octets_behind_an_answer_are_discarded
    odd_status_lines_are_errors_with_the_text_of_the_server
    odd_words_after_ok_are_success
    pipelined_commands_go_up_at_once_if_announced
    pipelined_dele_after_a_truncated_message_is_not_sent
    pipelined_dele_waits_for_the_message_before_it
    read_ahead_ends_at_the_first_message_out_of_order
    read_ahead_of_a_client_that_deletes
    read_ahead_one_at_a_time_without_pipelining
    sizes_are_those_of_the_rewritten_messages
    stat_and_list_are_asked_for_together
    the_connection_ends_within_a_message_that_was_read_ahead
    the_size_of_a_marked_message_beyond_hold_bytes
    the_subject_mark_stays_outside_encoded_words
    tls_that_ends_between_answers_is_an_ordinary_end
    tls_that_ends_inside_a_message_invents_no_end
    tls_that_ends_instead_of_an_answer_is_said_in_plain_words
    top_is_not_read_ahead
    trap_01_unsolicited_data_after_a_message_is_discarded
    trap_02_status_lines_end_in_crlf
    trap_03_the_final_dot_is_found_at_every_split
    trap_04_lf_dot_lf_does_not_end_a_message
    trap_05_dot_stuffing_survives_rewriting
    trap_06_messages_without_body_or_header
    trap_07_err_to_a_multi_line_command_is_one_line
    trap_08_unknown_commands_are_relayed
    trap_09_message_lines_that_look_like_responses_are_not_edited
    trap_10_a_truncated_held_message_is_answered_with_err
    trap_10_a_truncated_message_gets_no_final_dot
    trap_11_a_late_response_is_not_given_to_the_next_command
    trap_12_a_debug_line_is_the_answer_that_is_owed
    trap_12_no_greeting_is_reported_before_the_client_times_out
    trap_13_responses_and_commands_may_be_split_anywhere
    trap_14_verbs_in_any_case_with_spaces_and_bare_lf
    trap_22_top_of_all_lines_is_judged_as_retr
    trap_23_a_message_fetched_by_top_is_never_dropped
    trap_24_a_verdict_on_top_is_not_final
    trap_25_top_is_always_answered
    trap_26_capa_is_computed_before_and_after_login
    trap_27_utf8_and_lang_are_relayed
    trap_28_the_apop_timestamp_is_unchanged
    trap_29_auth_without_argument_lists_mechanisms
    trap_30_xoauth2_in_two_steps_with_a_long_token
    trap_31_sasl_responses_are_not_parsed_as_commands
    trap_32_only_mechanisms_that_work_are_offered
    trap_33_passwords_may_contain_spaces
    trap_34_login_errors_are_relayed_verbatim
    trap_35_a_login_is_never_retried
    trap_36_stls_is_not_offered_on_a_plain_listener
    what_follows_a_silent_end_is_never_an_answer
    what_follows_a_silent_end_with_a_command_is_no_answer
}
