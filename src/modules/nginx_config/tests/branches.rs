//! Templates: tags are opaque, and what is in a branch is not always there.
use super::{HARDENING, TEMPLATE, becomes, conf, refused, template};
use crate::modules::nginx_config::tree::Context;

#[test]
fn tags_are_no_blocks() {
    template(
        "{% set a = {'b': 1} %}\n{# { ; } #}\ngzip on;\nlisten {{ PORT }};\n",
        &["gzip off"],
        "{% set a = {'b': 1} %}\n{# { ; } #}\ngzip off;\nlisten {{ PORT }};\n",
    );
}

#[test]
fn closing_signs_in_the_strings_of_a_tag_do_not_close_it() {
    template(
        "a \"{{ '}}; gzip on;' }}\";\n{% if b == '%}' %}{% endif %}\n",
        &["gzip off"],
        "a \"{{ '}}; gzip on;' }}\";\n{% if b == '%}' %}{% endif %}\ngzip off;\n",
    );
}

#[test]
fn braces_of_expressions_are_balanced() {
    template("a {{ {'b': {'c': 1}} }};\ngzip on;\n", &["gzip off"], "a {{ {'b': {'c': 1}} }};\ngzip off;\n");
}

#[test]
fn a_value_from_the_template_is_replaced_whole() {
    template("gzip {{ GZIP }};\n", &["gzip off"], "gzip off;\n");
    template("gzip  {% if A %}on{% else %}off{% endif %} ;\n", &["gzip off"], "gzip off;\n");
    template("add_header A \"{{ B }}c\" always;\n", &["add_header A 1"], "add_header A 1;\n");
}

#[test]
fn a_comment_of_the_template_in_a_value_leaves_no_trace() {
    template("gzip {# for now #}off;\n", &["gzip off"], "gzip {# for now #}off;\n");
    template("gz{# x #}ip off;\n", &["gzip off"], "gz{# x #}ip off;\n");
}

#[test]
fn what_is_only_in_a_branch_moves_out_of_it() {
    template(
        "gzip_vary on;\n{% if A %}\ngzip on;\n{% else %}\ngzip off;\n{% endif %}\nroot /w;\n",
        &["gzip off"],
        "gzip_vary on;\ngzip off;\n{% if A %}\n{% else %}\n{% endif %}\nroot /w;\n",
    );
    template(
        "{% if A %}add_header B 1;{% endif %}\nroot /w;\n",
        &["add_header B 1"],
        "{% if A %}{% endif %}\nroot /w;\nadd_header B 1;\n",
    );
}

#[test]
fn one_outside_of_branches_makes_those_in_branches_repeats() {
    template(
        "{% if A %}\n  gzip on;\n{% endif %}\ngzip on;\n",
        &["gzip off"],
        "{% if A %}\n{% endif %}\ngzip off;\n",
    );
}

#[test]
fn absence_reaches_into_branches() {
    template("{% if A %}gzip on;{% endif %}\na 1;\n", &["-gzip"], "{% if A %}{% endif %}\na 1;\n");
}

#[test]
fn new_directives_stay_out_of_branches() {
    template(
        "add_header A 1;\n{% if B %}\nadd_header B 1;\n{% endif %}\nroot /w;\n",
        &["add_header C 1"],
        "add_header A 1;\nadd_header C 1;\n{% if B %}\nadd_header B 1;\n{% endif %}\nroot /w;\n",
    );
    template(
        "{% for a in b %}\nadd_header A {{ a }};\n{% endfor %}\n",
        &["add_header C 1"],
        "{% for a in b %}\nadd_header A {{ a }};\n{% endfor %}\nadd_header C 1;\n",
    );
}

#[test]
fn blocks_of_the_template_that_are_always_rendered_are_no_branches() {
    for (open, close) in [
        ("{% block a %}", "{% endblock %}"),
        ("{% with %}", "{% endwith %}"),
        ("{%- autoescape false -%}", "{%- endautoescape +%}"),
    ] {
        template(
            &format!("{open}\ngzip on;\n{close}\n"),
            &["gzip off"],
            &format!("{open}\ngzip off;\n{close}\n"),
        );
    }
}

#[test]
fn raw_text_holds_no_tags() {
    template(
        "{% raw %}\na \"{{ {% if %}\";\ngzip on;\n{%- endraw %}\n",
        &["gzip off"],
        "{% raw %}\na \"{{ {% if %}\";\ngzip off;\n{%- endraw %}\n",
    );
}

#[test]
fn a_server_in_a_loop_is_edited_in_the_loop() {
    template(
        "{% for s in sites %}\nserver {\n  listen {{ s }};\n  gzip on;\n}\n{% endfor %}\n",
        &["gzip off", "add_header A 1"],
        "{% for s in sites %}\nserver {\n  listen {{ s }};\n  gzip off;\n  add_header A 1;\n}\n\
         {% endfor %}\n",
    );
}

#[test]
fn an_expression_on_its_own_line_is_not_the_name_of_the_next_directive() {
    template("{{ SNIPPET }}\ngzip on;\n", &["gzip off"], "{{ SNIPPET }}\ngzip off;\n");
    template("server {\n  {{ SNIPPET }}\n}\n", &["gzip off"], "server {\n  {{ SNIPPET }}\n    gzip off;\n}\n");
}

#[test]
fn a_name_from_the_template_is_nobodys() {
    template("{{ NAME }} on;\n", &["gzip off"], "{{ NAME }} on;\ngzip off;\n");
    template(
        "add_header {{ NAME }} 1;\n",
        &["add_header A 1"],
        "add_header {{ NAME }} 1;\nadd_header A 1;\n",
    );
}

#[test]
fn a_directive_that_a_branch_cuts_is_refused_when_it_would_have_to_change() {
    let cut = "b 1;\n{% if A %}gzip on{% else %}gzip off{% endif %};\n";
    refused(
        cut,
        true,
        &["gzip off"],
        "`gzip` at line 2, column 11 begins and ends in different Jinja branches",
    );
    template(cut, &["b 2"], &cut.replace("b 1", "b 2"));
}

#[test]
fn a_tag_behind_kin_keeps_its_place() {
    template(
        "{% if B %}{% endif %}add_header A 1;{# one #}\nroot /w;\n",
        &["add_header B 1"],
        "{% if B %}{% endif %}add_header A 1; add_header B 1;{# one #}\nroot /w;\n",
    );
}

#[test]
fn tags_in_comments_are_tags() {
    template(
        "# {% if A %}\ngzip on;\n# {% endif %}\na 1;\n",
        &["gzip off"],
        "# {% if A %}\n# {% endif %}\na 1;\ngzip off;\n",
    );
    template("# {# a\ngzip on;\n#} gzip on;\na 1;\n", &["-gzip"], "# {# a\ngzip on;\n#} gzip on;\na 1;\n");
}

#[test]
fn a_tag_that_swallows_a_line_end_makes_the_comment_go_on() {
    template("# {% set a = 1 -%}\ngzip on;\nb 1;\n", &["-gzip"], "# {% set a = 1 -%}\ngzip on;\nb 1;\n");
    template("# a\n{{- B }} gzip on;\nb 1;\n", &["-gzip"], "# a\n{{- B }} gzip on;\nb 1;\n");
}

#[test]
fn where_a_tag_would_swallow_a_new_directive_nothing_is_written() {
    refused(
        "a 1;\n# {% set b = 1 -%}\n",
        true,
        &["gzip off"],
        "`gzip off` can't be put there without touching something else",
    );
}

#[test]
fn what_goes_leaves_no_new_tag_behind() {
    template("server {a 1;gzip on;# b\n}\n", &["-a"], "server {gzip on;# b\n}\n");
    template("server {gzip on;# b\n}\n", &["-gzip"], "server { # b\n}\n");
}

#[test]
fn without_the_ending_of_a_template_tags_are_plain_text() {
    conf("location / {# a\n}\ngzip on;\n", &["gzip off"], "location / {# a\n}\ngzip off;\n");
}

#[test]
fn a_whole_installation_of_the_newer_kind_is_hardened() {
    let after = TEMPLATE
        .replace(
            "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA",
            "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
        )
        .replace(
            "ssl_session_tickets off;\n",
            "ssl_session_tickets off;\nssl_conf_command Options PrioritizeChaCha;\n",
        )
        .replace("max-age=15768000;", "max-age=63072000; includeSubDomains; preload")
        .replace(
            "\"SAMEORIGIN\" always;\n",
            "\"SAMEORIGIN\" always;\nadd_header X-XSS-Protection 0;\n\
             add_header Permissions-Policy \"camera=(), usb=()\";\n\
             add_header Content-Security-Policy \"default-src 'none'; base-uri 'none'\";\n\
             add_header Cross-Origin-Resource-Policy same-origin;\n",
        )
        .replace("gzip on;", "gzip off;");
    template(TEMPLATE, HARDENING, &after);
}

#[test]
fn the_file_itself_can_be_meant_in_a_template() {
    becomes(
        &Context::Main,
        true,
        "{% if A %}\nuser a;\n{% endif %}\n",
        &["user b"],
        "{% if A %}\n{% endif %}\nuser b;\n",
    );
}
