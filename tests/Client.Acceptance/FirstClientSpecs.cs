using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using ChatCqrs.Acceptance;
using ChatCqrs.Acceptance.Client;

namespace ChatCqrs.Client.Acceptance;

/// <summary>The program of docs/start/first-client-csharp.md is short, and does what the page says.</summary>
public sealed partial class FirstClientSpecs(Running server) : IClassFixture<Running>, IDisposable
{
    private const int LinesMost = 40;

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs-first-client-").FullName;

    [Fact]
    public async Task Two_people_chat_with_the_program_of_the_page()
    {
        var page = await File.ReadAllTextAsync(Path.Combine(Root, "docs/start/first-client-csharp.md"));
        var program = Program().Match(page).Groups["program"].Value;
        Assert.InRange(program.TrimEnd().Split('\n').Length, 10, LinesMost);
        var dll = await BuildAsync(program);

        var (adas, bens) = (Phones.Next(), Phones.Next());
        using var ada = Start(dll, "ada", adas, "Ada", bens);
        await ada.SaysAsync("(Live)");
        await ada.SaysAsync("is not here yet");
        using var ben = Start(dll, "ben", bens, "Ben", adas);
        await ben.SaysAsync("Write to Ada.");
        ada.Write("");
        await ada.SaysAsync("Write to Ben.");
        ada.Write("Hello Ben");
        await ada.SaysAsync("✓ Hello Ben");
        await ben.SaysAsync("< Hello Ben");
        await ada.SaysAsync("✓✓ 1"); // Ben has read it. The conversation's start is entry 0.
        ben.Write("Hello Ada");
        await ada.SaysAsync("< Hello Ada");
        Assert.DoesNotContain("✓✓ -1", ada.Output, StringComparison.Ordinal); // Delivered, and not read.

        Assert.Equal(0, await ada.EndsAsync());
        Assert.Equal(0, await ben.EndsAsync());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string Root
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(folder.FullName, "ChatCqrs.sln")))
                folder = folder.Parent!;
            return folder.FullName;
        }
    }

    [GeneratedRegex("^```csharp\n(?<program>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Program();

    /// <summary>
    /// Builds the program on the assembly of the SDK, as a program outside of the tree that nothing else belongs to.
    /// The package itself would stay in the machine's cache of packages, and hide the next one.
    /// </summary>
    private async Task<string> BuildAsync(string program)
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "Program.cs"), program);
        var references = Directory.GetFiles(AppContext.BaseDirectory, "*.dll")
            .Select(file => Path.GetFileNameWithoutExtension(file)!)
            .Where(name => name == "ChatCqrs.Client"
                || name.StartsWith("Microsoft.Extensions.", StringComparison.Ordinal))
            .Select(name => $"""<Reference Include="{name}" HintPath="{AppContext.BaseDirectory}{name}.dll" />""");
        await File.WriteAllTextAsync(Path.Combine(_folder, "chat.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
              </PropertyGroup>
              <ItemGroup>{string.Concat(references)}</ItemGroup>
            </Project>
            """);
        string[] arguments = ["build", _folder, "--nologo", "-o", Path.Combine(_folder, "out")];
        using var build = Process.Start(
            new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true })!;
        var output = await build.StandardOutput.ReadToEndAsync();
        await build.WaitForExitAsync();
        Assert.True(build.ExitCode == 0, output);
        return Path.Combine(_folder, "out", "chat.dll");
    }

    private Chat Start(string dll, string folder, params string[] arguments) =>
        new(
            dll, Directory.CreateDirectory(Path.Combine(_folder, folder)).FullName,
            [server.Address.AbsoluteUri, .. arguments]);

    /// <summary>One of the two terminals.</summary>
    private sealed class Chat : IDisposable
    {
        private readonly Process _process;
        private readonly StringBuilder _output = new();

        public Chat(string dll, string folder, string[] arguments)
        {
            _process = Process.Start(new ProcessStartInfo("dotnet", [dll, .. arguments])
            {
                WorkingDirectory = folder,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                StandardOutputEncoding = Encoding.UTF8,
            })!;
            _process.OutputDataReceived += (_, line) => Note(line.Data);
            _process.ErrorDataReceived += (_, line) => Note(line.Data);
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
        }

        public string Output
        {
            get
            {
                lock (_output)
                    return _output.ToString();
            }
        }

        public void Write(string line) => _process.StandardInput.WriteLine(line);

        public async Task SaysAsync(string text) => await Eventually.GetAsync(
            () => Task.FromResult(Output), output => output.Contains(text, StringComparison.Ordinal),
            $"it says {text}");

        public async Task<int> EndsAsync()
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync().WaitAsync(Eventually.Deadline);
            return _process.ExitCode;
        }

        public void Dispose()
        {
            if (!_process.HasExited)
                _process.Kill();
            _process.Dispose();
        }

        private void Note(string? line)
        {
            lock (_output)
                _output.AppendLine(line);
        }
    }
}
