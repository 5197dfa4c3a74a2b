using System.IO.Compression;
using System.Text;

namespace ChatCqrs.Verify.Tests;

/// <summary>Exports that are whole are good; whatever was changed in one is found and named.</summary>
public sealed class ExportTests
{
    private const string Events = MadeExport.Folder + "events.ndjson";
    private const string Heads = MadeExport.Folder + "heads.ndjson";
    private const string Proof = MadeExport.Folder + "head.tlog-proof";
    private const string Start = MadeExport.Folder + "start";

    [Fact]
    public async Task A_whole_export_is_good_and_the_output_says_what_was_checked()
    {
        var outcome = await new MadeExport().Write().VerifyAsync();

        outcome.IsGood();
        Assert.Contains("8 events, seq 0 to 7", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("3 heads cover seq 0 to 7", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("signed by chat.example.org/v1/audit/heads/export", outcome.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(64)]
    public async Task Any_number_of_batches_is_good(int batches) =>
        (await new MadeExport { Batches = [.. Enumerable.Range(1, batches)] }.Write().VerifyAsync()).IsGood();

    [Theory]
    [InlineData(3, "3 heads")] // At a head's first event.
    [InlineData(2, "4 heads")] // Within the first head, where its other events are gone.
    public async Task What_is_left_after_a_cut_is_good(int from, string heads)
    {
        var outcome = await new MadeExport { From = from, Batches = [3, 1, 4, 2], Segments = false }
            .Write().VerifyAsync();

        outcome.IsGood();
        Assert.Contains($"the events begin at seq {from}", outcome.Output, StringComparison.Ordinal);
        Assert.Contains(heads, outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_period_that_begins_and_ends_anywhere_in_a_head_is_good()
    {
        const int Events = 17;
        for (var from = 0; from < Events; from++)
        {
            for (var to = from; to < Events; to++)
            {
                var outcome = await new MadeExport { From = from, To = to, Batches = [2, 11, 1, 3] }
                    .Write().VerifyAsync();
                Assert.True(outcome.Code == 0, $"{from} to {to}: {outcome.Output}");
                Assert.Contains($"cover seq {from} to {to} without a gap", outcome.Output, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Within_a_head_what_it_does_not_say_is_found()
    {
        MadeExport Part() => new() { From = 4, To = 8, Batches = [2, 11] };

        (await new MadeExport { From = 4, To = 8, Batches = [2, 11], Segments = false }.Write().VerifyAsync())
            .Failed("heads", "the events end at seq 8, within a head");
        (await new MadeExport
        {
            From = 4,
            To = 8,
            Batches = [2, 11],
            Relinked = true,
            Forged = made => made.Seq == 6 ? made with { Content = "Zm9yZ2Vk" } : made,
        }.Write().VerifyAsync()).Failed("heads", "the log has other events from seq 2 to 12");
        foreach (var (change, fault) in new (Func<List<string>, List<string>> Change, string Fault)[]
        {
            (hashes => hashes[..^1], "too few hashes"), (hashes => [.. hashes, hashes[0]], "too many hashes"),
            (hashes => [.. hashes[1..], hashes[0]], "the log has other events"), (_ => [], "too few hashes"),
        })
        {
            (await new MadeExport
            {
                From = 4,
                To = 8,
                Batches = [2, 11],
                HeadLines = lines => lines.Select(line =>
                {
                    var members = (Dictionary<string, object>)line;
                    members["segment"] = change((List<string>)members["segment"]);
                    return line;
                }),
            }.Write().VerifyAsync()).Failed("heads", fault);
        }

        var made = Part().Write();
        var start = Encoding.UTF8.GetString(made.Files[Heads]).IndexOf("segment", StringComparison.Ordinal);
        for (var at = start; at < made.Files[Heads].Length; at++)
        {
            made.Files[Heads][at] ^= 1;
            Assert.True((await made.Sign().VerifyAsync()).Code == 1, $"byte {at}");
            made.Files[Heads][at] ^= 1;
        }
    }

    [Fact]
    public async Task Without_any_head_old_events_are_said_to_rest_on_their_chain_and_young_ones_are_not_good()
    {
        MadeExport Bare() => new() { To = 2, Batches = [3, 4], HeadLines = _ => [], ProvesNewest = true };

        (await Bare().Write().VerifyAsync()).Failed("heads", "no head covers seq 0 to 2");
        var old = await Bare().Write().VerifyAsync("--kept-days", "0");
        old.IsGood();
        Assert.Contains("seq 0 to 2: their batches are gone", old.Output, StringComparison.Ordinal);
        (await new MadeExport { HeadLines = _ => [], ProvesNewest = true }.Write().VerifyAsync("--kept-days", "0"))
            .Failed("heads", "no head covers seq 0 to 7");
    }

    [Fact]
    public async Task A_conversation_without_events_of_the_period_has_nothing_to_check()
    {
        var made = new MadeExport().Write();
        made.Files.Remove(Proof);
        made.Files[Heads] = made.Files[Events] = [];

        var outcome = await made.Sign().VerifyAsync();

        outcome.IsGood();
        Assert.Contains("it has no events of the period", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Events_that_are_in_no_batch_yet_are_said_to_be_so()
    {
        var outcome = await new MadeExport { Unlogged = 2 }.Write().VerifyAsync();

        outcome.IsGood();
        Assert.Contains("2 newest events are in no batch yet", outcome.Output, StringComparison.Ordinal);
    }

    public static TheoryData<string> Signed =>
    [
        "README.txt", "vkey", "matter.json", "access.ndjson", "SHA256SUMS", "manifest.note", Start, Proof,
        MadeExport.Folder + "report.html", MadeExport.Folder + "timeline.csv", MadeExport.Folder + "chat.rsmf",
    ];

    [Theory]
    [MemberData(nameof(Signed))]
    public async Task Every_flipped_byte_of_a_file_is_found(string file)
    {
        var made = new MadeExport().Write();
        for (var at = 0; at < made.Files[file].Length; at++)
        {
            made.Files[file][at] ^= 1;
            Assert.True((await made.VerifyAsync()).Code == 1, $"byte {at} of {file}");
            made.Files[file][at] ^= 1;
        }
    }

    [Theory]
    [InlineData(Start)]
    [InlineData(Proof)]
    [InlineData(Heads)]
    [InlineData(Events)]
    public async Task Every_flipped_byte_of_the_evidence_is_found_even_if_the_list_of_files_is_signed_anew(string file)
    {
        var made = new MadeExport { Batches = [1, 1] }.Write();
        foreach (var mask in new byte[] { 0x01, 0x20 })
        {
            for (var at = 0; at < made.Files[file].Length; at++)
            {
                made.Files[file][at] ^= mask;
                Assert.True((await made.Sign().VerifyAsync()).Code == 1, $"byte {at} of {file}, ^{mask:x}");
                made.Files[file][at] ^= mask;
            }
        }
    }

    [Fact]
    public async Task A_changed_event_is_found() =>
        (await new MadeExport { Forged = made => made.Seq == 4 ? made with { Content = "Zm9yZ2Vk" } : made }
            .Write().VerifyAsync()).Failed("chain", "line 6: seq 5 is not linked to the event before it");

    [Fact]
    public async Task A_changed_event_is_found_even_if_all_later_ones_are_linked_to_it() =>
        (await new MadeExport
        {
            Forged = made => made.Seq == 4 ? made with { Content = "Zm9yZ2Vk" } : made,
            Relinked = true,
        }.Write().VerifyAsync()).Failed("heads", "the log has another event at seq 7");

    [Fact]
    public async Task A_hash_that_does_not_follow_is_found()
    {
        var made = new MadeExport().Write();
        var line = Encoding.UTF8.GetString(made.Files[Events]);
        made.Files[Events] = Encoding.UTF8.GetBytes(line.Replace("c2VhbGVk", "Zm9yZ2Vk", StringComparison.Ordinal));

        (await made.Sign().VerifyAsync()).Failed("chain", "line 1: seq 0 was changed");
    }

    [Fact]
    public async Task A_dropped_event_is_found() => (await Of(lines => lines.Where((_, i) => i != 3)))
        .Failed("chain", "seq 3 should follow, not 4");

    [Fact]
    public async Task A_repeated_event_is_found() => (await Of(lines => [lines[0], .. lines]))
        .Failed("chain", "seq 1 should follow, not 0");

    [Fact]
    public async Task Swapped_events_are_found() => (await Of(lines => [lines[1], lines[0], .. lines[2..]]))
        .Failed("chain", "seq 0 should follow, not 1");

    [Fact]
    public async Task Dropped_last_events_are_found() => (await Of(lines => lines[..^1]))
        .Failed("heads", "the events end at seq 6, within a head");

    [Fact]
    public async Task An_export_without_events_is_found() => (await Of(_ => [])).Failed("chain", "there are no events");

    [Fact]
    public async Task A_dropped_head_is_found() =>
        (await new MadeExport { HeadLines = lines => [lines[0], lines[2]] }.Write().VerifyAsync())
            .Failed("heads", "the head of seq 3 should follow, not of 4 to 7");

    /// <summary>A server keeps batches for a while; the chain leads from older events to the first head.</summary>
    [Fact]
    public async Task Events_whose_batches_are_gone_are_said_to_be_so()
    {
        var outcome = await new MadeExport { HeadLines = lines => lines[1..] }.Write().VerifyAsync();

        outcome.IsGood();
        Assert.Contains("seq 0 to 2: their batches are gone", outcome.Output, StringComparison.Ordinal);
        (await new MadeExport
        {
            HeadLines = lines => lines[1..],
            Forged = made => made.Seq == 1 ? made with { Content = "Zm9yZ2Vk" } : made,
            Relinked = true,
        }.Write().VerifyAsync()).Failed("heads", "another hash before seq 3");
    }

    [Fact]
    public async Task A_dropped_last_head_is_found() =>
        (await new MadeExport { HeadLines = lines => lines[..^1] }.Write().VerifyAsync())
            .Failed("heads", "the last head is not that of head.tlog-proof");

    [Fact]
    public async Task A_wrong_start_is_found()
    {
        var made = new MadeExport { From = 3 }.Write();
        made.Files[Start] = Encoding.UTF8.GetBytes($"3 {Convert.ToBase64String(new byte[32])}\n");

        (await made.Sign().VerifyAsync()).Failed("chain", "seq 3 is not linked");
    }

    [Theory]
    [InlineData(-301, "were written after")]
    [InlineData(361, "but their batch is older")]
    public async Task Events_with_a_time_outside_of_their_batch_are_found(int seconds, string what) =>
        (await new MadeExport
        {
            Batches = [1, 1, 1, 1],
            At = (seq, time) => seq == 3 ? time.AddSeconds(-30 + seconds) : time,
        }.Write().VerifyAsync()).Failed("times", what);

    [Fact]
    public async Task Clocks_may_differ_by_as_much_as_the_caller_says()
    {
        var made = new MadeExport { At = (seq, time) => seq == 7 ? time.AddSeconds(-130) : time }.Write();

        (await made.VerifyAsync()).IsGood();
        (await made.VerifyAsync("--clock-tolerance", "60")).Failed("times", "seq 4 to 7 say");
    }

    /// <summary>Batch 3 goes on where batch 1 ended, at 03:05: its events 4 to 7 may be older than batch 2.</summary>
    [Theory]
    [InlineData("since 2026-01-02T03:05:00.000Z", "next 3", -60, "times", null)]
    [InlineData("since 2026-01-02T03:06:00.000Z", "next 3", -60, "times", "were written after")]
    [InlineData("since 2026-01-02T03:05:00.000Z", "next 4", -30, "heads", "not the batch before")]
    public async Task After_a_restore_the_batch_that_was_left_bounds_the_times(
        string since, string next, int seconds, string check, string? what)
    {
        var made = new MadeExport
        {
            At = (seq, time) => seq > 3 ? time.AddSeconds(seconds - 15) : time,
            Before = (
                3,
                $"chatcqrs/restored/v1\ntime 2026-01-02T03:06:30.000Z\nbatch 1\n{since}\nposition 100\n{next}\n"),
        }.Write();

        var outcome = await made.VerifyAsync("--clock-tolerance", "1");

        if (what is null)
            outcome.IsGood();
        else
            outcome.Failed(check, what);
    }

    [Theory]
    [InlineData(200, 2, null)]
    [InlineData(199, 2, "not the batch before")]
    [InlineData(200, 3, "not the batch before")]
    public async Task Heads_of_a_log_that_this_one_continues_have_no_bound_on_their_times(
        int position, int bounds, string? what)
    {
        var made = new MadeExport
        {
            At = (seq, time) => seq < 4 ? time.AddDays(-2) : time,
            First = $"chatcqrs/continues/v1\norigin {MadeExport.Origin}\ntime 2026-01-02T03:04:00.000Z\n"
                + $"vkey {new Signer(MadeExport.Origin, 7).Key}\nposition {position}\ncheckpoint AAAA\n",
            FirstBounds = bounds,
        }.Write();

        var outcome = await made.VerifyAsync();

        if (what is null)
            outcome.IsGood();
        else
            outcome.Failed("heads", what);
    }

    [Fact]
    public async Task A_head_that_was_logged_once_more_has_no_bound_on_its_times()
    {
        var made = new MadeExport { At = (_, time) => time.AddDays(-401) }.Write();

        var outcome = await made.VerifyAsync();
        outcome.IsGood();
        Assert.Contains("3 heads were logged once more", outcome.Output, StringComparison.Ordinal);
        (await made.VerifyAsync("--kept-days", "1000")).Failed("times", "were written after");
    }

    [Fact]
    public async Task A_checkpoint_of_another_key_is_found() =>
        (await Outcome.OfAsync(
            new MadeExport { Log = new Signer(MadeExport.Origin, 8) }.Write().Zip(),
            new Signer(MadeExport.Origin, 7).Key)).Failed("head", "nobody of chat.example.org/v1/audit/heads");

    [Fact]
    public async Task A_list_of_files_that_somebody_else_signed_is_found() =>
        (await new MadeExport { Manifest = new Signer(MadeExport.Origin + "/export", 8) }.Write().VerifyAsync())
            .Failed("signature", "nobody of chat.example.org/v1/audit/heads/export has signed it");

    [Fact]
    public async Task A_checkpoint_is_no_signature_of_files()
    {
        var made = new MadeExport { Manifest = new Signer(MadeExport.Origin, 7) }.Write();

        (await made.VerifyAsync()).Failed("signature", "nobody of");
    }

    [Fact]
    public async Task After_a_rotation_either_key_is_enough()
    {
        var made = new MadeExport().Write();

        (await made.VerifyAsync("--vkey", new Signer(MadeExport.Origin, 9).Key)).IsGood();
    }

    [Fact]
    public async Task A_file_that_is_not_listed_is_found()
    {
        var made = new MadeExport().Write();
        made.Files[MadeExport.Folder + "chat-2.rsmf"] = [1];

        (await made.VerifyAsync()).Failed("files", "it is not in SHA256SUMS");
    }

    [Fact]
    public async Task A_listed_file_that_is_missing_is_found()
    {
        var made = new MadeExport().Write();
        made.Files.Remove("matter.json");

        (await made.VerifyAsync()).Failed("files", "matter.json is listed, but missing");
    }

    [Theory]
    [InlineData(Events)]
    [InlineData(Heads)]
    [InlineData(Start)]
    [InlineData(Proof)]
    public async Task Missing_evidence_is_found(string file)
    {
        var made = new MadeExport().Write();
        made.Files.Remove(file);

        (await made.Sign().VerifyAsync()).Failed(
            file == Proof ? "head" : "chain", "the file is missing");
    }

    [Theory]
    [InlineData("../evil")]
    [InlineData("/etc/passwd")]
    [InlineData("conversations/../evil")]
    [InlineData("conversations\\evil")]
    [InlineData("start")]
    [InlineData("vkey\n")]
    public async Task A_name_that_no_export_has_is_refused(string name)
    {
        var made = new MadeExport().Write();
        made.Files[name] = [1];

        (await made.Sign().VerifyAsync()).Failed("archive", "it holds a file that no export has");
    }

    [Fact]
    public async Task A_name_that_stands_twice_is_refused()
    {
        using var bytes = new MemoryStream();
        bytes.Write(new MadeExport().Write().Zip());
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Update, leaveOpen: true))
            zip.CreateEntry("vkey").Open().Dispose();

        (await Outcome.OfAsync(bytes.ToArray(), new MadeExport().Key)).Failed("archive", "vkey stands twice in it");
    }

    [Fact]
    public async Task A_zip_bomb_is_refused_before_it_unpacks()
    {
        var made = new MadeExport().Write();
        made.Files["matter.json"] = new byte[64 * 1024 * 1024];

        (await made.VerifyAsync()).Failed("archive", "far more than an export does");
    }

    [Fact]
    public async Task A_file_that_is_larger_than_it_states_is_refused()
    {
        var zip = new MadeExport().Write().Zip();
        var name = "vkey"u8;
        var central = zip.AsSpan().LastIndexOf(name) - 46; // The central directory's header (APPNOTE 4.3.12).
        zip[central + 24] -= 1; // The uncompressed size.

        (await Outcome.OfAsync(zip, new MadeExport().Key)).Failed("files", "its SHA-256 is another");
    }

    [Fact]
    public async Task What_is_no_zip_is_refused() =>
        (await Outcome.OfAsync([1, 2, 3], new MadeExport().Key)).Failed("archive", "");

    [Fact]
    public async Task A_zip_that_was_cut_off_is_refused()
    {
        var zip = new MadeExport().Write().Zip();

        (await Outcome.OfAsync(zip[..^100], new MadeExport().Key)).Failed("archive", "");
    }

    [Fact]
    public async Task An_empty_zip_is_refused()
    {
        var made = new MadeExport().Write();
        made.Files.Clear();

        (await made.Sign().VerifyAsync()).Failed("archive", "it holds no conversation");
    }

    private static Task<Outcome> Of(Func<List<string>, IEnumerable<string>> lines) =>
        new MadeExport { EventLines = lines }.Write().VerifyAsync();
}
