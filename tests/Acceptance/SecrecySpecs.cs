using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;
using Npgsql;

namespace ChatCqrs.Acceptance;

/// <summary>Content appears in plain in no table, no log, no metric and no error.</summary>
public sealed class SecrecySpecs
{
    [OwnServerFact]
    public async Task Content_of_messages_appears_in_plain_nowhere_outside_the_conversation()
    {
        await using var deployment = await Deployment.CreateAsync();
        foreach (var category in (string[])["Default", "Microsoft", "Npgsql", "Marten"])
            deployment.Settings[$"Logging__LogLevel__{category}"] = "Debug";
        await using var server = await ServerProcess.StartAsync(deployment);
        var marker = "Quokka" + Convert.ToHexString(RandomNumberGenerator.GetBytes(9));
        var (ada, bob) = (await Person.RegisterAsync(server.Api), await Person.RegisterAsync(server.Api, name: "Bob"));
        var answers = await WriteAsync(ada, bob, marker);

        var needles = Spellings(marker);
        Assert.DoesNotContain(
            needles, needle => answers.Any(answer => answer.Contains(needle, StringComparison.OrdinalIgnoreCase)));
        var metrics = (await server.Api.GetAsync("/metrics")).Expect(200).Body;
        Assert.DoesNotContain(needles, needle => metrics.Contains(needle, StringComparison.OrdinalIgnoreCase));

        var (rows, found) = await SearchAsync(deployment.Postgres, needles);
        Assert.True(rows > 10, "There was something to search.");
        Assert.Empty(found);
        // The search itself works.
        Assert.NotEmpty((await SearchAsync(deployment.Postgres, Spellings(ada.Id.ToString()))).Found);
        var stored = await deployment.Stored().SearchAsync(marker);
        Assert.True(stored.Plain.Count == 0 && stored.Opened.Count > 0, $"Only the keys open it: {stored}");
        if (Surroundings.EventStoreData is { } folder) Assert.Empty(SearchFiles(folder, needles));

        await server.StopAsync();
        var log = server.Output;
        Assert.True(log.Length > 1000, "There was a log.");
        Assert.DoesNotContain(needles, needle => log.Contains(needle, StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(ada.Token, log, StringComparison.Ordinal);
        Assert.DoesNotContain(ada.Session.RefreshToken, log, StringComparison.Ordinal);
        Assert.Empty(
            (await SearchAsync(deployment.Postgres, [ada.Session.RefreshToken, .. Spellings(ada.Session.RefreshToken)]))
                .Found);
    }

    /// <summary>Sends the marker on every way in, refused ones too. Returns the bodies of the errors.</summary>
    private static async Task<List<string>> WriteAsync(Person ada, Person bob, string marker)
    {
        var refused = new List<Answer>();
        var draft = Draft.To(bob.Id, $"rest {marker}");
        var sent = (await ada.PostMessageAsync(draft)).Expect(201).Read<Sent>();
        (await ada.PostMessageAsync(draft)).Expect(200);
        refused.Add((await ada.PostMessageAsync(draft.With("text", $"other {marker}"))).Expect(409));
        refused.Add((await ada.PostMessageAsync(Draft.To(Guid.CreateVersion7(), marker))).Expect(404));
        refused.Add((await ada.PostMessageAsync(Draft.To(bob.Id, marker).With("type", "telepathy"))).Expect(400));
        refused.Add((await ada.PostMessageAsync(Draft.To(bob.Id, marker + new string('x', 70_000)))).Expect(400, 413));
        refused.Add((await ada.PostAsync("/v1/messages", $$"""{"message_id":"1","text":"{{marker}}""")).Expect(400));
        refused.Add((await ada.PostMessageAsync(Draft.To(bob.Id, "").With("text", new[] { marker }))).Expect(400));

        await using var adas = await ada.ConnectAsync();
        await using var bobs = await bob.ConnectAsync();
        var live = await adas.SayAsync(Draft.To(bob.Id, $"socket {marker}"));
        await adas.SendAsync(Draft.To(Guid.CreateVersion7(), marker));
        await adas.SendAsync($$"""{"op":"send","text":"{{marker}}""");
        await adas.SendAsync($$"""{"op":"{{marker}}"}""");
        await adas.SendAsync(Draft.To(bob.Id, "").With("text", new Dictionary<string, int> { [marker] = 1 }));
        var cipher = Draft.To(bob.Id, "").Without("text")
            .With("ciphertext", Convert.ToBase64String(Encoding.UTF8.GetBytes(marker)));
        await adas.SayAsync(cipher);
        await bobs.MessageAsync(cipher.Id);
        await bobs.SendAsync(new { op = "read", conversation_id = sent.ConversationId, seq = live.Seq });
        await adas.ReceiptAsync(sent.ConversationId, bob.Id, read: live.Seq);

        // The receiver can read it.
        Assert.Equal(
            [$"rest {marker}", $"socket {marker}"],
            (await bob.TimelineAsync(sent.ConversationId, 3)).Skip(1).Take(2).Select(entry => entry.Message!.Text));
        await Eventually.BeAsync(() => adas.Frames().Count(f => f.Op == "error") == 4, "four refused frames");
        return [.. refused.Select(answer => answer.Body),
            .. adas.Frames().Where(f => f.Op == "error").Select(f => f.Raw)];
    }

    /// <summary>The encodings to search for: plain, hex, base64 at each of three alignments, UTF-16.</summary>
    private static List<string> Spellings(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var spellings = new List<string> { text, Convert.ToHexString(Encoding.Unicode.GetBytes(text)) };
        for (var shift = 0; shift < 3; shift++)
        {
            byte[] shifted = [.. new byte[shift], .. bytes];
            var whole = Convert.ToBase64String(shifted[..(shifted.Length / 3 * 3)]);
            spellings.Add(shift == 0 ? whole : whole[4..]); // The first group encodes the shift.
        }
        return [.. spellings, .. spellings.Select(spelling => Convert.ToHexString(Encoding.UTF8.GetBytes(spelling)))];
    }

    /// <summary>Searches every row of every table as text (bytea as hex).</summary>
    private static async Task<(int Rows, List<string> Found)> SearchAsync(
        PostgresUri database, IReadOnlyList<string> needles)
    {
        await using var connection = await database.OpenAsync();
        var tables = new List<string>();
        const string all = """
            SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
            WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
            """;
        await using (var list = new NpgsqlCommand(all, connection))
        await using (var reader = await list.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync()) tables.Add(reader.GetString(0));
        }
        var (rows, found) = (0, new List<string>());
        foreach (var table in tables)
        {
            await using var read = new NpgsqlCommand($"SELECT t::text FROM {table} t", connection);
            await using var reader = await read.ExecuteReaderAsync();
            while (await reader.ReadAsync())
            {
                rows++;
                var row = reader.GetString(0);
                if (needles.Any(needle => row.Contains(needle, StringComparison.OrdinalIgnoreCase)))
                    found.Add($"{table}: {row}");
            }
        }
        return (rows, found);
    }

    private static List<string> SearchFiles(string folder, List<string> needles) =>
        [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(file => Contains(file, needles))];

    private static bool Contains(string file, List<string> needles)
    {
        const int overlap = 512;
        var patterns = needles.ConvertAll(Encoding.UTF8.GetBytes);
        var buffer = new byte[1024 * 1024];
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var kept = 0;
        int read;
        while ((read = stream.Read(buffer, kept, buffer.Length - kept)) > 0)
        {
            var filled = buffer.AsSpan(0, kept + read);
            foreach (var pattern in patterns)
            {
                if (filled.IndexOf(pattern) >= 0) return true;
            }
            kept = Math.Min(overlap, filled.Length);
            filled[^kept..].CopyTo(buffer);
        }
        return false;
    }
}
