using System.Security.Cryptography;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>
/// The files of exports in the blob store. A file's key is noted before its bytes are stored, and forgotten after they
/// are deleted, so whatever run is killed leaves nothing behind.
/// </summary>
internal sealed class ExportFiles(IAuditExports exports, IBlobs blobs)
{
    /// <summary>Stores files of a folder, and notes that they are there once all are.</summary>
    /// <param name="names">Their names in the archive and in the folder.</param>
    public async Task KeepAsync(
        Guid export, IEnumerable<(string Name, string Path)> names, long events, CancellationToken cancellationToken)
    {
        var files = new List<(ExportFile File, string Path)>();
        foreach (var (name, path) in names)
        {
            await using var content = File.OpenRead(path);
            var sha256 = await SHA256.HashDataAsync(content, cancellationToken);
            files.Add((new ExportFile(name, BlobKey.New(), content.Length, sha256, events, IsKept: false), path));
        }

        var kept = files.ConvertAll(file => file.File);
        await exports.ReserveAsync(export, kept, cancellationToken);
        foreach (var (file, path) in files)
        {
            await using var content = File.OpenRead(path);
            await blobs.PutAsync(file.Key, content, cancellationToken);
        }

        await exports.KeepAsync(export, kept, cancellationToken);
    }

    /// <summary>Deletes some files of an export.</summary>
    public async Task DeleteAsync(Guid export, Func<ExportFile, bool> which, CancellationToken cancellationToken)
    {
        List<ExportFile> files = [.. (await exports.FilesAsync(export, cancellationToken)).Where(which)];
        foreach (var file in files)
            await blobs.DeleteAsync(file.Key, cancellationToken);
        await exports.ForgetAsync(export, files, cancellationToken);
    }
}
