/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs: what help, completion and the reader of the line are made from.
 */
#include "cli/verbs.h"

/* clang-format off */
#define END {NULL, NULL, NULL}

static const struct cli_option serve_options[] = {
    {"--check-config", NULL, "only say whether the configuration is valid"},
    END,
};
static const struct cli_option demo_options[] = {
    {"--dir", "DIR", "where its files are (else ./octroi-demo)"},
    {"--listen", "ADDR:PORT", "else 127.0.0.1:8402; the admin API is one port above"},
    END,
};
static const struct cli_option wallet_create_options[] = {
    {"--parent", "W", "a scope below W: it spends W's money, within limits of its own"},
    END,
};
static const struct cli_option list_options[] = {
    {"--limit", "N", "one page of at most so many"},
    {"--after", "NEXT", "the page behind an earlier one"},
    END,
};
static const struct cli_option topup_options[] = {
    {"--ref", "TEXT", "names the payment: repeated, it is booked once"},
    END,
};
static const struct cli_option limit_options[] = {
    {"--per", "WINDOW", "call, hour, day, month or total"},
    {"--amount", "A", "the most that may be spent in one"},
    {"--clear", NULL, "no limit"},
    END,
};
static const struct cli_option price_set_options[] = {
    {"--input", "A", "uncached text of the prompt"},
    {"--cached-input", "A", "read from the vendor's cache"},
    {"--cache-write", "A", "written to it"},
    {"--cache-write-1h", "A", "written to it for an hour"},
    {"--audio-input", "A", "audio of the prompt"},
    {"--image-input", "A", "images of the prompt"},
    {"--output", "A", "text of the answer"},
    {"--reasoning-output", "A", "reasoning"},
    {"--audio-output", "A", "audio of the answer"},
    {"--image-output", "A", "images of the answer"},
    {"--web-search", "A", "each search that the vendor ran"},
    {"--request", "A", "each call"},
    {"--price", "JSON", "all of it at once, tiers and thresholds too"},
    {"--from", "TIME", "when it begins to count; without: since ever"},
    {"--clear", NULL, "drop all that was set for the model"},
    END,
};
static const struct cli_option price_diff_options[] = {
    {"--at", "TIME", "the prices of that time; without: of now"},
    END,
};
static const struct cli_option statement_options[] = {
    {"--csv", NULL, "print CSV"},
    {"--since", "TIME", "not before this time"},
    {"--until", "TIME", "before this time"},
    {"--limit", "N", "one page of at most so many"},
    {"--after", "NEXT", "the page behind an earlier one"},
    END,
};
static const struct cli_option key_create_options[] = {
    {"--name", "N", "what it is for"},
    {"--limit-per-call", "A", "the most that one call may cost"},
    {"--limit-per-hour", "A", "the most in one hour (UTC)"},
    {"--limit-per-day", "A", "the most in one day (UTC)"},
    {"--limit-per-month", "A", "the most in one month (UTC)"},
    {"--limit-total", "A", "the most in all"},
    {"--models", "GLOB,..", "only these models and APIs"},
    {"--expires", "T", "a time, or a duration like 30d"},
    END,
};
static const struct cli_option key_list_options[] = {
    {"--wallet", "W", "only of this wallet"},
    {"--limit", "N", "one page of at most so many"},
    {"--after", "NEXT", "the page behind an earlier one"},
    END,
};
static const struct cli_option usage_options[] = {
    {"--by", "WHAT", "sums by key, model, day, wallet or skill"},
    {"--since", "TIME", "not before this time"},
    {"--until", "TIME", "before this time"},
    {"--limit", "N", "one page of at most so many"},
    {"--after", "NEXT", "the page behind an earlier one"},
    END,
};
static const struct cli_option pay_options[] = {
    {"--max", "A", "the most that it may cost, within payments.x402.buyer's limits"},
    {"-X", "METHOD", "else GET, or POST with -d"},
    {"-d", "BODY", "what is sent"},
    {"-H", "'NAME: VALUE' ..", "a header that is sent; 16 at most"},
    {"--header", "'NAME: VALUE' ..", "the same"},
    END,
};
static const struct cli_option purchase_options[] = {
    {"--state", "S", "open, paid or lapsed"},
    {"--since", "TIME", "not before this time"},
    {"--until", "TIME", "before this time"},
    {"--limit", "N", "one page of at most so many"},
    {"--after", "NEXT", "the page behind an earlier one"},
    END,
};
static const struct cli_option backup_options[] = {
    {"--with-keys", NULL, "copy master.key too: whoever has it can make every key"},
    END,
};
static const struct cli_option config_show_options[] = {
    {"--effective", NULL, "with every default, secrets hidden"},
    END,
};

static const struct cli_option publisher_options[] = {
    {"--wallet", "W", "whose keys may publish and read the earnings"},
    {"--display", "T", "how it is shown; else its name"},
    {"--key", "FILE", "its public key, FILE.pub of `octroi publisher key`"},
    {"--network", "N", "where it is paid, like eip155:84532; without: by hand"},
    {"--address", "A", "its address there"},
    {"--share", "P", "what the platform keeps of each use, like 10%; else skills.platform_share"},
    {"--signed", "YES", "yes: versions without its signature are refused; no"},
    END,
};
static const struct cli_option earnings_options[] = {
    {"--by", "WHAT", "sums by day, skill or version"},
    {"--csv", NULL, "print CSV"},
    {"--since", "TIME", "not before this time"},
    {"--until", "TIME", "before this time"},
    {"--limit", "N", "one page of at most so many"},
    {"--after", "NEXT", "the page behind an earlier one"},
    END,
};
static const struct cli_option publisher_pay_options[] = {
    {"--amount", "A", "else all that is due"},
    {"--ref", "TEXT", "it was paid by hand, and this says how"},
    END,
};
static const struct cli_option publisher_payout_options[] = {
    {"--ref", "TEXT", "it was paid by hand, and this says how"},
    {"--failed", NULL, "it was not paid: the amount is due again"},
    END,
};
static const struct cli_option clawback_options[] = {
    {"--skill", "S", "only of this skill"},
    {"--since", "TIME", "uses not before this time"},
    END,
};
static const struct cli_option skill_publish_options[] = {
    {"--publisher", "P", "who lists it; else the only one that there is"},
    {"--version", "V", "else what SKILL.md says; else 1.0.0"},
    {"--key", "FILE", "sign it with this private key"},
    {"--changelog", "T", "what is new"},
    {"--tags", "T,..", "words to be found by"},
    END,
};
static const struct cli_option skill_offer_options[] = {
    {"--per-install", "A", "once for each wallet and major version"},
    {"--per-month", "A", "for all calls of a month"},
    {"--per-call", "A", "of endpoints that say no price"},
    {"--free", NULL, "nothing of this"},
    {"--endpoints", "FILE", "what is called, in the form of an entry of data_apis"},
    {"--accept", NULL, "the operator lets waiting endpoints be called"},
    {"--drop", NULL, "the operator drops them"},
    {"--base-url", "URL", "only if this is where they lead (--accept, --drop)"},
    END,
};
static const struct cli_option skill_list_options[] = {
    {"--state", "S", "pending, listed, withdrawn or quarantined"},
    {"--publisher", "P", "only of this one"},
    {"--search", "WORDS", "the listed ones that these words find, best first"},
    {"--limit", "N", "one page of at most so many"},
    {"--after", "NEXT", "the page behind an earlier one"},
    END,
};

const struct cli_verb cli_verbs[] = {
    {"demo", NULL, "[--dir DIR] [--listen ADDR:PORT]",
     "serve a mock upstream, with a funded wallet and calls to copy",
     "Needs no key and no network. DIR is kept: the next start goes on with the same wallet.",
     demo_options, 0, 0, verb_demo},
    {"init", NULL, "DIR | --config FILE",
     "make a folder to begin with, or the data folder a configuration names",
     "DIR gets octroi.yaml, admin.token and the data folder var/. With --config only the\n"
     "data folder that FILE names is made. Nothing that exists is replaced.\n\n"
     "example:\n"
     "  octroi init shop && octroi serve --config shop/octroi.yaml",
     NULL, 0, 1, verb_init},
    {"serve", NULL, "--config FILE [--check-config]",
     "run the gateway",
     "Serves until SIGTERM or SIGINT, then drains. SIGHUP reloads the configuration.\n"
     "--check-config prints every fault and exits 0 or 8.\n\n"
     "example:\n"
     "  octroi serve --config shop/octroi.yaml",
     serve_options, 0, 0, verb_serve},
    {"doctor", NULL, "",
     "look at everything that can be wrong, and say what to do",
     "Configuration, files, disk, clock, limits, the book, upstreams. Exit 1 if anything\n"
     "fails; warnings do not count.",
     NULL, 0, 0, verb_doctor},
    {"wallet", "create", "NAME [--parent W]",
     "make a wallet",
     "Prints its id. A wallet with a parent holds no money of its own: its calls are paid\n"
     "by the root above it, within the limits of every wallet between.\n\n"
     "examples:\n"
     "  octroi wallet create agents\n"
     "  octroi wallet create crawler --parent agents",
     wallet_create_options, 1, 1, verb_wallet_create},
    {"wallet", "list", "",
     "list all wallets", NULL,
     list_options, 0, 0, verb_wallet_list},
    {"wallet", "show", "W",
     "show a wallet's balance and limits",
     "W is a wallet's id or its name, here and everywhere.",
     NULL, 1, 1, verb_wallet_show},
    {"wallet", "topup", "W AMOUNT [--ref TEXT]",
     "put money into a wallet",
     "With --ref, a repeat with the same amount changes nothing and answers the same; with\n"
     "another amount it is refused (exit 5). A wallet with a parent is refused (exit 1).\n\n"
     "example:\n"
     "  octroi wallet topup agents 25 --ref invoice-2041",
     topup_options, 2, 2, verb_wallet_topup},
    {"wallet", "refund", "TRANSFER [AMOUNT]",
     "give back what a call cost, or take back a top-up",
     "TRANSFER is a transfer's id (t_..) or a call's request id (req_..). Without AMOUNT all\n"
     "that is left of it.\n\n"
     "example:\n"
     "  octroi wallet refund req_0198c6b1d2f47c3a8e5b9d0c1f2a3b00 0.05",
     NULL, 1, 2, verb_wallet_refund},
    {"wallet", "freeze", "W",
     "stop every call of a wallet and those below it", NULL,
     NULL, 1, 1, verb_wallet_freeze},
    {"wallet", "unfreeze", "W",
     "let a frozen wallet spend again", NULL,
     NULL, 1, 1, verb_wallet_unfreeze},
    {"wallet", "limit", "W --per call|hour|day|month|total --amount A|--clear",
     "set or clear a spending limit of a wallet",
     "example:\n"
     "  octroi wallet limit crawler --per day --amount 5",
     limit_options, 1, 1, verb_wallet_limit},
    {"wallet", "statement", "W [--csv]",
     "list what moved on a wallet", NULL,
     statement_options, 1, 1, verb_wallet_statement},
    {"key", "create",
     "W [--name N] [--limit-per-call A] [--limit-per-day A] [--limit-per-month A] "
     "[--limit-total A] [--models GLOB,..] [--expires T]",
     "make an API key of a wallet",
     "The key is printed once, alone on stdout; it is stored nowhere.\n\n"
     "example:\n"
     "  octroi key create crawler --limit-per-day 2 --models 'gpt-*' --expires 30d",
     key_create_options, 1, 1, verb_key_create},
    {"key", "list", "[--wallet W]",
     "list all keys, without their secrets", NULL,
     key_list_options, 0, 0, verb_key_list},
    {"key", "revoke", "ID",
     "end a key for ever", NULL,
     NULL, 1, 1, verb_key_revoke},
    {"key", "rotate", "ID",
     "give a key a new secret; the old one ends at once", NULL,
     NULL, 1, 1, verb_key_rotate},
    {"key", "limit", "ID --per call|hour|day|month|total --amount A|--clear",
     "set or clear a spending limit of a key", NULL,
     limit_options, 1, 1, verb_key_limit},
    {"price", "list", "",
     "list what calls cost, and whose word that is", NULL,
     NULL, 0, 0, verb_price_list},
    {"price", "set", "MODEL --input A --output A [--cached-input A ..] [--from T]|--clear",
     "set a price of the operator's own, which stands over the catalogue's",
     "Amounts are USD per million tokens, but for --web-search and --request: USD each.\n"
     "A price that the configuration gives a model stands over this one.\n\n"
     "examples:\n"
     "  octroi price set gpt-5.4 --input 2.5 --cached-input 0.25 --output 15\n"
     "  octroi price set gpt-5.4 --input 3 --output 18 --from 2030-01-01T00:00:00Z\n"
     "  octroi price set gpt-5.4 --price '{\"input\":\"2.5\",\"output\":\"15\",\"tiers\":{\"flex\":{\"input\":\"1.25\"}}}'\n"
     "  octroi price set gpt-5.4 --clear",
     price_set_options, 1, 1, verb_price_set},
    {"price", "diff", "FILE [--at T]",
     "tell what another catalogue file would change",
     "example:\n"
     "  octroi price diff catalog.json",
     price_diff_options, 1, 1, verb_price_diff},
    {"model", "list", "",
     "list the models that are served, by whom, and what they can",
     "Prices are USD per million tokens, before the markup. A model without one is listed\n"
     "and refused.",
     NULL, 0, 0, verb_model_list},
    {"model", "refresh", "[PROVIDER]",
     "ask providers which models they have, and serve the new ones",
     "Asks PROVIDER, or every provider with `discover` in the configuration, and waits for\n"
     "the answers. Exit 1: one of them failed; its last list stays.\n\n"
     "example:\n"
     "  octroi model refresh openrouter",
     NULL, 0, 1, verb_model_refresh},
    {"usage", NULL, "[--by key|model|day|wallet|skill]",
     "list every call, or what calls came to",
     "examples:\n"
     "  octroi usage --by model --since 2030-01-01T00:00:00Z\n"
     "  octroi usage --json",
     usage_options, 0, 0, verb_usage},
    {"publisher", "create",
     "NAME [--wallet W] [--display T] [--key FILE.pub] [--network N --address A] [--share P]",
     "let somebody list skills",
     "The keys of wallet W (and of those below it) may publish for NAME and read what it\n"
     "earns. Names that read like another's are refused.\n\n"
     "example:\n"
     "  octroi publisher create acme --wallet acme-wallet --key acme.key.pub --share 10%",
     publisher_options, 1, 1, verb_publisher_create},
    {"publisher", "key", "FILE",
     "make a key pair that signs versions: FILE and FILE.pub",
     "FILE is the private half (mode 0600). Needs no daemon and no configuration.",
     NULL, 1, 1, verb_publisher_key},
    {"publisher", "list", "",
     "list all publishers", NULL,
     list_options, 0, 0, verb_publisher_list},
    {"publisher", "show", "NAME",
     "show a publisher and what it has earned", NULL,
     NULL, 1, 1, verb_publisher_show},
    {"publisher", "set", "NAME [--wallet W] [--key FILE.pub] [--share P] [--signed yes|no] ..",
     "change what `create` set",
     "What is not named stays; \"\" takes away. After a change of key or address a publisher\n"
     "is paid again when the payout delay has passed.",
     publisher_options, 1, 1, verb_publisher_set},
    {"publisher", "suspend", "NAME",
     "stop a publisher's skills and payouts; its books stay", NULL,
     NULL, 1, 1, verb_publisher_suspend},
    {"publisher", "unsuspend", "NAME",
     "let it go on", NULL,
     NULL, 1, 1, verb_publisher_unsuspend},
    {"publisher", "earnings", "NAME [--by day|skill|version] [--csv]",
     "list every use of a publisher's skills, or what they came to",
     "example:\n"
     "  octroi publisher earnings acme --by day --since 2030-01-01T00:00:00Z",
     earnings_options, 1, 1, verb_publisher_earnings},
    {"publisher", "payouts", "[NAME]",
     "list payouts; with NAME also what is due",
     NULL, list_options, 0, 1, verb_publisher_payouts},
    {"publisher", "pay", "NAME [--amount A] [--ref TEXT]",
     "pay a publisher what is due",
     "Earnings are due when skills.payout_delay has passed. Without --ref what is due goes to\n"
     "its address on the network of skills.payout; --ref says how it was paid by hand, and\n"
     "books it. Without --amount: all of it.\n\n"
     "example:\n"
     "  octroi publisher pay acme --ref 'bank transfer 2041'",
     publisher_pay_options, 1, 1, verb_publisher_pay},
    {"publisher", "payout", "ID [--ref TEXT|--failed]",
     "show one payout, or end one that was not sent to a chain", NULL,
     publisher_payout_options, 1, 1, verb_publisher_payout},
    {"publisher", "clawback", "NAME --since TIME [--skill S]",
     "give buyers back what they paid, out of what was not paid out yet",
     "example:\n"
     "  octroi publisher clawback acme --skill pdf --since 2030-01-31T00:00:00Z",
     clawback_options, 1, 1, verb_publisher_clawback},
    {"skill", "publish", "DIR [--publisher P] [--version V] [--key FILE] [--changelog T]",
     "list a version of a skill: the folder with its SKILL.md",
     "Names that begin with a dot are left out. A version never changes; the rules' verdict\n"
     "is printed.\n\n"
     "example:\n"
     "  octroi skill publish pdf-tables --publisher acme --version 1.0.0 --key acme.key",
     skill_publish_options, 1, 1, verb_skill_publish},
    {"skill", "list", "[--state S] [--publisher P] [--search WORDS]",
     "list skills in every state, or find listed ones", NULL,
     skill_list_options, 0, 0, verb_skill_list},
    {"skill", "show", "P/S",
     "show a skill, its price and its versions", NULL,
     NULL, 1, 1, verb_skill_show},
    {"skill", "offer", "P/S [--per-install A] [--per-month A] [--per-call A] [--endpoints FILE] | --free",
     "set what a skill costs, and which endpoints it has",
     "All of it at once: what is not named is nothing. Who was told the old price may pay it\n"
     "for five minutes if it is lower.\n\n"
     "examples:\n"
     "  octroi skill offer acme/pdf-tables --per-install 2\n"
     "  octroi skill offer acme/pdf-tables --per-call 0.01 --endpoints endpoints.yaml",
     skill_offer_options, 1, 1, verb_skill_offer},
    {"skill", "token", "P/S",
     "print what its publisher's host is sent with every call",
     "The host refuses calls without it: they were paid by nobody.",
     NULL, 1, 1, verb_skill_token},
    {"skill", "approve", "P/S[@V]",
     "list what waits for the operator, or was withdrawn", NULL,
     NULL, 1, 1, verb_skill_approve},
    {"skill", "withdraw", "P/S[@V]",
     "list it no longer; who bought it still gets it", NULL,
     NULL, 1, 1, verb_skill_withdraw},
    {"skill", "quarantine", "P/S[@V]",
     "give it to nobody any more", NULL,
     NULL, 1, 1, verb_skill_quarantine},
    {"skill", "install", "P/S[@V] [DIR]",
     "write a version's files to DIR/S (else ./S), hashes and signature checked", NULL,
     NULL, 1, 2, verb_skill_install},
    {"pay", NULL, "URL [--max A] [-X METHOD] [-d BODY] [-H 'NAME: VALUE' ..]",
     "call another seller, and pay if it asks for that",
     "Pays x402 (both versions) and MPP from the key of payments.x402.buyer, at most once.\n"
     "The answer's body goes to stdout, the receipt to stderr; with --json both to stdout.\n"
     "Exit 4: it costs more than allowed, and nothing was paid. Exit 1: the seller failed.\n\n"
     "examples:\n"
     "  octroi pay https://api.example/report --max 0.10\n"
     "  octroi pay https://api.example/ask -d '{\"q\":\"why\"}' -H 'Content-Type: application/json'",
     pay_options, 1, 1, verb_pay},
    {"purchase", "list", "[--state S] [--since T] [--until T]",
     "list what was bought from other sellers, oldest first",
     "All payments that the key of payments.x402.buyer signed, for calls of wallets and for\n"
     "octroi pay. open: the seller may still take it; lapsed: nobody did, and the caps have\n"
     "it back.",
     purchase_options, 0, 0, verb_purchase_list},
    {"ledger", "verify", "",
     "replay the whole journal and compare every account with it",
     "Works while the gateway serves. Exit 0: the books are in order; 1: they are not.",
     NULL, 0, 0, verb_ledger_verify},
    {"ledger", "audit", "[FILE|-]",
     "check an export with a second implementation of the rules",
     "Reads an export from FILE or stdin; without one, makes one from the live book. Needs\n"
     "neither the book nor a daemon when it gets an export.\n\n"
     "example:\n"
     "  octroi ledger export >book.jsonl && octroi ledger audit book.jsonl",
     NULL, 0, 1, verb_ledger_audit},
    {"ledger", "backup", "DEST",
     "copy the book into the new folder DEST",
     "Works while the gateway serves. The master key, without which API keys do not work,\n"
     "is copied only with --with-keys.",
     backup_options, 1, 1, verb_ledger_backup},
    {"ledger", "export", "",
     "print the journal and the accounts as JSON lines", NULL,
     NULL, 0, 0, verb_ledger_export},
    {"ledger", "stats", "",
     "print sizes, counts and the house's accounts", NULL,
     NULL, 0, 0, verb_ledger_stats},
    {"config", "show", "--effective",
     "print what the configuration comes to, secrets hidden", NULL,
     config_show_options, 0, 0, verb_config_show},
    {"config", "reload", "",
     "make the running gateway read its configuration again",
     "All or nothing: with any fault the old configuration stays (exit 8).",
     NULL, 0, 0, verb_config_reload},
    {"completion", NULL, "bash|zsh|fish",
     "print a completion script for a shell",
     "example:\n"
     "  octroi completion bash >/etc/bash_completion.d/octroi",
     NULL, 1, 1, verb_completion},
    {"version", NULL, "",
     "print the version", NULL,
     NULL, 0, 0, verb_version},
    {"help", NULL, "[VERB]",
     "print this, or what a verb does", NULL,
     NULL, 0, 2, verb_help},
    {NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL},
};
/* clang-format on */
