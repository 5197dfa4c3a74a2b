using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Json;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>Puts an export's archive together: the files of its conversations, and what is about all of them.</summary>
internal sealed class ExportArchive(
    IAuditExports exports, IBlobs blobs, AccessLines accesses, AuditWriter writer, IExportEvidence evidence,
    TimeProvider clock)
{
    private const string Accesses = "access.ndjson";

    private const string ReadMe =
        """
        An export of conversations from ChatCqrs.

        matter.json                     what was asked for, by whom, why, and who approved it
        access.ndjson                   who has ever looked at these conversations: records, by time
        SHA256SUMS                      every file's hash: sha256sum -c SHA256SUMS
        manifest.note                   that list, signed (c2sp.org/signed-note)
        vkey                            the public key, as the server says; take it from somebody else to verify
        conversations/ID/report.html    to read and to print
        conversations/ID/timeline.csv   for spreadsheets
        conversations/ID/chat.rsmf      for review platforms (Relativity Short Message Format 2.0.0)
        conversations/ID/events.ndjson  the events as they are in the log, each with the hash of the one before
        conversations/ID/start          where they begin: a seq, and the hash of the event before
        conversations/ID/heads.ndjson   which events the log of heads has, with proofs
        conversations/ID/head.tlog-proof the proof of the newest head (c2sp.org/tlog-proof), with the checkpoint

        To verify all of it offline, with a program that shares no code with the server:

            verify export export.zip --vkey KEY

        Content that no matter opens, or whose keys are gone, stays sealed. That changes no hash.
        Of events outside of the period that was asked for, there are some hashes at most.

        """;

    private readonly JsonSerializerOptions _json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Converters = { new TimestampConverter() },
    };

    public async Task WriteAsync(AuditExport export, string path, CancellationToken cancellationToken)
    {
        await using var file = new FileStream(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        using var zip = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true);
        var sums = new StringBuilder();
        var parts = await exports.FilesAsync(export.Id, cancellationToken);
        foreach (var part in parts.Where(file => file.Name.Length > 0))
        {
            sums.Append(Line(part.Sha256.ToArray(), part.Name));
            await using var from = await blobs.OpenAsync(part.Key, 0, cancellationToken)
                ?? throw new StoreUnavailableException("A file of the export is missing.");
            await using var to = await OpenAsync(zip, part.Name);
            await from.CopyToAsync(to, cancellationToken);
        }

        await AddAsync("README.txt", Encoding.UTF8.GetBytes(ReadMe));
        await AddAsync(
            "matter.json", JsonSerializer.SerializeToUtf8Bytes(await AboutAsync(export, cancellationToken), _json));
        sums.Append(Line(await WriteAccessesAsync(
            zip, export, Path.Combine(Path.GetDirectoryName(path)!, Accesses), cancellationToken), Accesses));
        var (key, _) = await evidence.SignAsync("", cancellationToken);
        await AddAsync("vkey", Encoding.UTF8.GetBytes(key + "\n"));
        var list = sums.ToString();
        await PutAsync("SHA256SUMS", Encoding.UTF8.GetBytes(list));
        var (_, note) = await evidence.SignAsync(list, cancellationToken);
        await PutAsync("manifest.note", Encoding.UTF8.GetBytes(note));

        Task AddAsync(string name, byte[] bytes)
        {
            sums.Append(Line(SHA256.HashData(bytes), name));
            return PutAsync(name, bytes);
        }

        async Task PutAsync(string name, byte[] bytes)
        {
            await using var entry = await OpenAsync(zip, name);
            await entry.WriteAsync(bytes, cancellationToken);
        }
    }

    /// <param name="path">A file beside the archive, which is deleted with it.</param>
    private async Task<byte[]> WriteAccessesAsync(
        ZipArchive zip, AuditExport export, string path, CancellationToken cancellationToken)
    {
        await using (var lines = new EventLines(path))
            await accesses.WriteAsync(lines, export.Conversations, cancellationToken);
        await using var from = File.OpenRead(path);
        var sha256 = await SHA256.HashDataAsync(from, cancellationToken);
        from.Position = 0;
        await using var to = await OpenAsync(zip, Accesses);
        await from.CopyToAsync(to, cancellationToken);
        return sha256;
    }

    private async Task<object> AboutAsync(AuditExport export, CancellationToken cancellationToken)
    {
        var matter = export.Matter is { } id
            ? await writer.ReadAsync(id, cancellationToken)
            : null;
        return new
        {
            ExportId = export.Id,
            AuditorId = export.Auditor.Value,
            export.RequestedAt,
            ConversationIds = export.Conversations.Select(conversation => conversation.Value),
            export.From,
            export.To,
            Matter = matter is null ? null : MatterView.Of(matter, clock.GetUtcNow()),
        };
    }

    private static async Task<Stream> OpenAsync(ZipArchive zip, string name) =>
        await zip.CreateEntry(name, CompressionLevel.Fastest).OpenAsync();

    private static string Line(byte[] sha256, string name) => $"{Convert.ToHexStringLower(sha256)}  {name}\n";
}
