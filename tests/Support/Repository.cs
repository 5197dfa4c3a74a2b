namespace ChatCqrs.Testing;

/// <summary>The sources that the tests were built from.</summary>
public static class Repository
{
    /// <summary>The folder that holds the solution.</summary>
    public static readonly string Root = Find(AppContext.BaseDirectory);

    /// <summary>The path of a file or folder, named from the root.</summary>
    public static string At(string path) => Path.Combine(Root, path);

    private static string Find(string folder) =>
        File.Exists(Path.Combine(folder, "ChatCqrs.sln")) ? folder : Find(Path.GetDirectoryName(folder)!);
}
