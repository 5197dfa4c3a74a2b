namespace ChatCqrs.Client.Specs.Fakes;

/// <summary>A folder for one spec.</summary>
internal sealed class Folder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("chatcqrs-client-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
