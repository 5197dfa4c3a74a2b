using System.Security.Cryptography;
using System.Text.Json;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>Development's master key: made at the first start, in a file that only its owner can read.</summary>
public static class MasterKeyFile
{
    /// <summary>Reads the file; makes it first when it is missing.</summary>
    /// <returns>Keys by id, in base64.</returns>
    public static IReadOnlyDictionary<string, string> LoadOrCreate(string path)
    {
        if (!File.Exists(path))
            Create(path);
        return JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(path))
            ?? throw new InvalidOperationException($"{path} holds no master key.");
    }

    private static void Create(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(SealingOptions.KeySize));
        var temporary = path + "." + Guid.NewGuid().ToString("N");
        using (var file = new FileStream(temporary, options))
        {
            JsonSerializer.Serialize(file, new Dictionary<string, string> { ["development-1"] = key });
            file.Flush(flushToDisk: true);
        }

        try
        {
            File.Move(temporary, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(temporary); // Another process was first.
        }
    }
}
