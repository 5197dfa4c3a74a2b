using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>
/// Reads master keys from <c>Sealing:MasterKeyFile</c>: a JSON object from key ids to 32 bytes in base64. Without
/// configuration, Development creates a file of its own that only its owner can read.
/// </summary>
/// <param name="developmentFile">The path of Development's file; null in Production.</param>
internal sealed class MasterKeyFile(string? developmentFile) : IPostConfigureOptions<SealingOptions>
{
    /// <exception cref="OptionsValidationException">The file cannot be read.</exception>
    public void PostConfigure(string? name, SealingOptions options)
    {
        var isConfigured = !string.IsNullOrEmpty(options.MasterKeyFile);
        if (!isConfigured && (developmentFile is null || options.MasterKeys.Count > 0))
            return;
        try
        {
            if (!isConfigured)
                Create(developmentFile!);
            var text = File.ReadAllText(isConfigured ? options.MasterKeyFile! : developmentFile!);
            foreach (var (id, key) in JsonSerializer.Deserialize<Dictionary<string, string>>(text) ?? [])
                options.MasterKeys[id] = key;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new OptionsValidationException(
                nameof(SealingOptions), typeof(SealingOptions),
                [$"Sealing:MasterKeyFile cannot be read: {exception.Message}"]);
        }
    }

    /// <summary>Creates a key file. Content is unreadable without it.</summary>
    private static void Create(string path) => FirstFile.Create(path, file =>
    {
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(SealingOptions.KeySize));
        JsonSerializer.Serialize(file, new Dictionary<string, string> { ["development-1"] = key });
    });
}
