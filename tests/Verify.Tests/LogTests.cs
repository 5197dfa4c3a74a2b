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

    [Fact]
    public async Task Positions_begin_anew_after_a_restore() =>
        (await new MadeLog(10, (i, entry) => i switch
        {
            5 => "chatcqrs/restored/v1\ntime 2026-01-02T03:09:00.000Z\nposition 1\n",
            6 => entry.Replace("number 6", "number 5", StringComparison.Ordinal)
                .Replace("position 60", "position 2", StringComparison.Ordinal),
            > 6 => entry.Replace($"number {i}", $"number {i - 1}", StringComparison.Ordinal),
            _ => entry,
        }).VerifyAsync()).IsGood();

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

    private static Func<int, string, string> Changed(int index, string from, string to) =>
        (i, entry) => i == index ? entry.Replace(from, to, StringComparison.Ordinal) : entry;

    private static async Task<string> FileAsync(string text)
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, text, new UTF8Encoding(false));
        return file;
    }
}
