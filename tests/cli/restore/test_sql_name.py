"""Names of options: misuse is told with the way out, before any server is asked."""

from click.testing import CliRunner

from muniment.cli.restore.tables import tables


def test_a_misshapen_name_is_a_misuse_that_says_how_to_write_it() -> None:
    done = CliRunner().invoke(tables, ["acme", "--staged", "x", "--table", "practice.Time Entries"])
    assert done.exit_code == 2
    assert "Invalid value for '--table': 'practice.Time Entries' is not a name as SQL writes it: " in done.output
    assert 'do you mean practice."Time Entries"?' in done.output
    done = CliRunner().invoke(tables, ["acme", "--staged", "x", "--schema", "Firm Archive"])
    assert 'do you mean "Firm Archive"?' in done.output
