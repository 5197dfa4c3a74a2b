using System.Net;
using System.Text;

namespace ChatCqrs.Verify.Tests;

/// <summary>A log that only grew is good; one that was changed, shortened or forked is found.</summary>
public sealed class LogTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(600)]
    [InlineData(65_536 + 300)]
    public async Task A_log_of_any_size_is_good(int size)
    {
        var outcome = await new MadeLog(size).VerifyAsync();

        outcome.IsGood();
        Assert.Contains($"{size - 1} batches, one after the other", outcome.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(100, 300)]
    [InlineData(256, 600)]
    [InlineData(599, 600)]
    public async Task A_log_that_grew_is_good_and_only_its_new_entries_are_fetched(int before, int now)
    {
        var file = await FileAsync(new MadeLog(before).Checkpoint);
        var log = new MadeLog(now);

        var outcome = await log.VerifyAsync("--since", file);

        outcome.IsGood();
        Assert.Contains(
            $"the {before} entries of the earlier checkpoint are unchanged", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(
            before < 256 && now > before,
            log.Asked.Any(path => path.StartsWith("tile/entries/000", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_checked_checkpoint_is_saved_for_the_next_run()
    {
        var file = await FileAsync("");
        var log = new MadeLog(300);

        (await log.VerifyAsync("--save", file)).IsGood();

        Assert.Equal(log.Checkpoint, await File.ReadAllTextAsync(file));
        (await new MadeLog(301).VerifyAsync("--since", file, "--save", file)).IsGood();
    }

    [Fact]
    public async Task A_log_that_lost_entries_is_found_and_nothing_is_saved()
    {
        var file = await FileAsync(new MadeLog(300).Checkpoint);
        var saved = await FileAsync("");

        (await new MadeLog(299).VerifyAsync("--since", file, "--save", saved)).Failed("log", "it has lost some");
        Assert.Empty(await File.ReadAllTextAsync(saved));
    }

    [Fact]
    public async Task A_log_whose_past_was_changed_is_found()
    {
        var file = await FileAsync(new MadeLog(300).Checkpoint);
        var forked = new MadeLog(400, Changed(7, "heads 1", "heads 2"));

        (await forked.VerifyAsync()).IsGood(); // By itself it is consistent.
        (await forked.VerifyAsync("--since", file)).Failed("log", "first 300 entries are others than they were");
    }

    [Theory]
    [InlineData("tile/0/000", "another than the tree has")]
    [InlineData("tile/0/001.p/44", "another than the tree has")]
    [InlineData("tile/entries/000", "another than the tree has")]
    [InlineData("tile/1/000.p/1", "does not follow from the 300 leaves")]
    public async Task A_changed_tile_or_entry_is_found(string file, string what)
    {
        var log = new MadeLog(300);
        log.Files[file][10] ^= 1;

        (await log.VerifyAsync()).Failed("log", what);
    }

    [Fact]
    public async Task Every_flipped_byte_of_a_checkpoint_is_found()
    {
        var log = new MadeLog(2);
        var bytes = log.Files["checkpoint"];
        for (var at = 0; at < bytes.Length; at++)
        {
            bytes[at] ^= 1;
            Assert.True((await log.VerifyAsync()).Code == 1, $"byte {at}");
            bytes[at] ^= 1;
        }
    }

    [Theory]
    [InlineData("number 5", "number 6", "batch 6 follows batch 4")]
    [InlineData("time 2026-01-02T03:09", "time 2026-01-01T03:09", "goes back")]
    [InlineData("position 50", "position 1", "goes back")]
    [InlineData("chatcqrs/batch/v1", "other/batch/v1", "of no known kind")]
    [InlineData("heads 1", "heads 01", "shortest form")]
    public async Task An_entry_that_does_not_go_on_is_found(string from, string to, string what) =>
        (await new MadeLog(10, Changed(5, from, to)).VerifyAsync()).Failed("log", what);

    [Theory]
    [InlineData("batch 3\nsince 2026-01-02T03:07:00.000Z\nposition 30\nnext 5", "position 31", null)]
    [InlineData("batch 4\nsince 2026-01-02T03:08:00.000Z\nposition 40\nnext 5", "position 40", null)]
    [InlineData("batch 0\nsince 2026-01-02T03:04:00.000Z\nposition 0\nnext 5", "position 1", null)]
    [InlineData("batch 3\nsince 2026-01-02T03:07:00.000Z\nposition 30\nnext 5", "position 29", "goes back")]
    [InlineData("batch 3\nsince 2026-01-02T03:07:00.000Z\nposition 29\nnext 5", "position 31", "another time or")]
    [InlineData("batch 3\nsince 2026-01-02T03:06:00.000Z\nposition 30\nnext 5", "position 31", "another time or")]
    [InlineData("batch 2\nsince 2026-01-02T03:07:00.000Z\nposition 30\nnext 5", "position 31", "another time or")]
    [InlineData("batch 0\nsince 2026-01-02T03:04:00.000Z\nposition 7\nnext 5", "position 8", "begin at 0")]
    [InlineData("batch 5\nsince 2026-01-02T03:07:00.000Z\nposition 30\nnext 5", "position 31", "not made yet")]
    [InlineData("batch 3\nsince 2026-01-02T03:07:00.000Z\nposition 30\nnext 6", "position 31", "is to follow batch 4")]
    [InlineData("batch 3\nsince 2026-01-02T03:07:00.000Z\nposition 30", "position 31", "line is missing")]
    public async Task Positions_go_on_after_a_restore_where_an_earlier_batch_ended(
        string restored, string position, string? what) => Is(
        await new MadeLog(10, Between(
            $"chatcqrs/restored/v1\ntime 2026-01-02T03:09:00.000Z\n{restored}\n", position)).VerifyAsync(),
        what, "restored to its state after batch");

    [Theory]
    [InlineData("from 40\nto 7", "position 7", null)]
    [InlineData("from 40\nto 7", "position 6", "goes back")]
    [InlineData("from 39\nto 7", "position 7", "from another position")]
    [InlineData("from 40\nto 7\nmore", "position 7", "more follows")]
    public async Task Positions_go_on_after_a_move_where_the_new_store_ends(
        string moved, string position, string? what) => Is(
        await new MadeLog(10, Between(
            $"chatcqrs/moved/v1\ntime 2026-01-02T03:09:00.000Z\n{moved}\n", position)).VerifyAsync(),
        what, "1 of the kind chatcqrs/moved/v1");

    [Fact]
    public async Task An_entry_of_an_earlier_time_is_found() =>
        (await new MadeLog(10, Between(
            "chatcqrs/moved/v1\ntime 2026-01-02T03:07:59.999Z\nfrom 40\nto 7\n", "position 7")).VerifyAsync())
        .Failed("log", "before that of the entry before");

    [Fact]
    public async Task A_key_that_was_the_logs_before_is_refused() =>
        (await new MadeLog(10, (i, entry) => i == 5 ? KeyEntry(new Signer(MadeExport.Origin, 7)) : entry).VerifyAsync())
            .Failed("log", "was the log's before");

    [Fact]
    public async Task A_log_that_continues_another_one_holds_its_signed_checkpoint()
    {
        var old = new Signer("old.example/heads", 9);
        var note = old.Sign($"{old.Name}\n7\n{Convert.ToBase64String(new byte[32])}\n");
        Is(await ContinuesAsync(note), null, "it goes on where old.example/heads ended, of which 7 entries are known");
        Is(await ContinuesAsync(note), null, "was not checked: give its key");
        var outcome = await ContinuesAsync(note, "--vkey", old.Key);
        outcome.IsGood();
        Assert.DoesNotContain("not checked", outcome.Output, StringComparison.Ordinal);

        Is(await ContinuesAsync(note.Replace("\n7\n", "\n8\n", StringComparison.Ordinal), "--vkey", old.Key), "wrong");
        Is(await ContinuesAsync(note.Split("\n\n")[0] + "\n"), "before the signatures");
        Is(await ContinuesAsync(new Signer("else", 3).Sign(note.Split("\n\n")[0] + "\n")), "has not signed");
        Is(await ContinuesAsync(new MadeLog(3).Checkpoint), "cannot continue itself");
        Is(
            await new MadeLog(10, (i, entry) => i == 0
                ? Continues(note).Replace("origin chat", "origin chit", StringComparison.Ordinal)
                : entry).VerifyAsync(),
            "is of another log");
        Is(await new MadeLog(10, Between(Continues(note), "position 60")).VerifyAsync(), "and only that");
        Is(await new MadeLog(10, (i, entry) => i == 0 ? "chatcqrs/other/v1\n" : entry).VerifyAsync(), "and only that");

        static Task<Outcome> ContinuesAsync(string note, params string[] options) =>
            new MadeLog(10, (i, entry) => i == 0 ? Continues(note) : entry).VerifyAsync(options);
    }

    [Fact]
    public async Task A_log_of_another_name_is_found() =>
        (await new MadeLog(2, Changed(0, "origin chat", "origin chit")).VerifyAsync())
            .Failed("log", "the log's first entry is of another log");

    [Fact]
    public async Task A_full_tile_replaces_a_partial_one()
    {
        var log = new MadeLog(300);
        var grown = new MadeLog(512);
        foreach (var folder in new[] { "tile/0/001", "tile/entries/001" })
        {
            log.Files.Remove($"{folder}.p/44");
            log.Files[folder] = grown.Files[folder];
        }

        (await log.VerifyAsync()).IsGood();
    }

    [Fact]
    public async Task A_tile_that_is_missing_is_found()
    {
        var log = new MadeLog(300);
        log.Files.Remove("tile/0/000");

        (await log.VerifyAsync()).Failed("log", "the server has no tile/0/000");
    }

    [Fact]
    public async Task A_tile_without_an_end_is_cut_off()
    {
        var log = new MadeLog(2);
        log.Files["checkpoint"] = new byte[1024 * 1024];

        (await log.VerifyAsync()).Failed("log", "more than 65536 bytes");
    }

    [Fact]
    public async Task Whoever_is_not_let_in_is_told_to_give_a_token()
    {
        var log = new MadeLog(2) { Token = "secret" };

        var outcome = await log.VerifyAsync();
        Assert.Equal(3, outcome.Code);
        Assert.Contains("--token", outcome.Errors, StringComparison.Ordinal);
        (await log.VerifyAsync("--token", "secret")).IsGood();
    }

    [Fact]
    public async Task Too_many_requests_are_tried_again()
    {
        var log = new MadeLog(2);
        log.Refusals.Enqueue(HttpStatusCode.TooManyRequests);

        (await log.VerifyAsync()).IsGood();
    }

    [Fact]
    public async Task A_server_that_fails_is_unreachable()
    {
        var log = new MadeLog(2);
        log.Refusals.Enqueue(HttpStatusCode.InternalServerError);

        Assert.Equal(3, (await log.VerifyAsync()).Code);
        Assert.Equal(3, (await Outcome.RunAsync(
            new HttpClientHandler(), "log", "http://127.0.0.1:1/v1/audit/heads", "--vkey", log.Key)).Code);
    }

    /// <summary>Key 7 is the first one, and entry 100 names key 8.</summary>
    [Fact]
    public async Task A_log_that_changed_its_key_is_good_for_whoever_knows_the_old_key()
    {
        var (old, next) = (new Signer(MadeExport.Origin, 7), new Signer(MadeExport.Origin, 8));
        var both = new MadeLog(200, Rotated, old, next);
        var file = await FileAsync(both.Checkpoint);

        var outcome = await both.VerifyAsync();
        outcome.IsGood();
        Assert.Contains($"entry 100 names a further key of the log", outcome.Output, StringComparison.Ordinal);
        Assert.Contains(next.Key, outcome.Output, StringComparison.Ordinal);

        var alone = new MadeLog(300, Rotated, next);
        (await alone.VerifyAsync("--since", file)).IsGood(); // Under the old key's checkpoint.
        (await Outcome.RunAsync(alone, ["log", MadeLog.Address, "--vkey", next.Key])).IsGood();
        (await alone.VerifyAsync()).Failed("log", "has signed it");
    }

    [Fact]
    public async Task A_key_that_the_old_key_did_not_cover_is_refused()
    {
        var forged = new MadeLog(300, Rotated, new Signer(MadeExport.Origin, 8));
        var before = await FileAsync(new MadeLog(100).Checkpoint); // Entry 100 is not in it.
        var covered = await FileAsync(new MadeLog(101, Rotated).Checkpoint);

        (await forged.VerifyAsync("--since", before)).Failed("log", "entry 100 names");
        (await forged.VerifyAsync("--since", covered)).IsGood();
    }

    [Fact]
    public async Task A_key_that_the_log_does_not_name_is_refused()
    {
        var stranger = new Signer(MadeExport.Origin, 9);
        var log = new MadeLog(300, Rotated, stranger);

        (await Outcome.RunAsync(log, ["log", MadeLog.Address, "--vkey", stranger.Key]))
            .Failed("log", "do not name the key");
        var file = await FileAsync(new MadeLog(200, Rotated).Checkpoint);
        (await log.VerifyAsync("--since", file)).Failed("log", "nor by one that the earlier checkpoint covers");
    }

    [Fact]
    public async Task A_wrong_signature_of_the_old_key_is_refused_although_the_new_one_signed()
    {
        var (old, next) = (new Signer(MadeExport.Origin, 7), new Signer(MadeExport.Origin, 8));
        var (log, file) = (new MadeLog(300, Rotated, old, next), await FileAsync(new MadeLog(200, Rotated).Checkpoint));
        var note = Encoding.UTF8.GetString(log.Files["checkpoint"]);
        var wrong = new MadeLog(299, Rotated, old).Checkpoint;
        log.Files["checkpoint"] = Encoding.UTF8.GetBytes(note.Replace(
            note.Split('\n')[4], wrong.Split('\n')[4], StringComparison.Ordinal));

        (await log.VerifyAsync("--since", file)).Failed("log", "is wrong");
    }

    [Fact]
    public async Task A_key_of_another_log_is_refused() =>
        (await new MadeLog(10, (i, entry) => i == 5 ? KeyEntry(new Signer("else/heads", 8)) : entry).VerifyAsync())
            .Failed("log", "a key of another log");

    private static string Rotated(int index, string entry) => index switch
    {
        100 => KeyEntry(new Signer(MadeExport.Origin, 8)),
        > 100 => entry.Replace($"number {index}", $"number {index - 1}", StringComparison.Ordinal),
        _ => entry,
    };

    private static string KeyEntry(Signer key) =>
        $"chatcqrs/key/v1\ntime 2026-01-02T04:44:00.000Z\nvkey {key.Key}\n";

    private static string Continues(string note) =>
        $"chatcqrs/continues/v1\norigin {MadeExport.Origin}\ntime 2026-01-02T03:04:00.000Z\nvkey {new MadeLog(1).Key}\n"
        + $"position 5\ncheckpoint {Convert.ToBase64String(Encoding.UTF8.GetBytes(note))}\n";

    /// <param name="what">Why it is not good; null if it is.</param>
    /// <param name="note">What the output says of a good log.</param>
    private static void Is(Outcome outcome, string? what, string note = "")
    {
        if (what is not null)
        {
            outcome.Failed("log", what);
            return;
        }

        outcome.IsGood();
        Assert.Contains(note, outcome.Output, StringComparison.Ordinal);
    }

    /// <summary>Puts an entry after batch 4; batch 5 then has the given position.</summary>
    private static Func<int, string, string> Between(string added, string position) => (i, entry) => i switch
    {
        5 => added,
        6 => entry.Replace("number 6", "number 5", StringComparison.Ordinal)
            .Replace("position 60", position, StringComparison.Ordinal),
        > 6 => entry.Replace($"number {i}", $"number {i - 1}", StringComparison.Ordinal),
        _ => entry,
    };

    private static Func<int, string, string> Changed(int index, string from, string to) =>
        (i, entry) => i == index ? entry.Replace(from, to, StringComparison.Ordinal) : entry;

    private static async Task<string> FileAsync(string text)
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, text, new UTF8Encoding(false));
        return file;
    }
}
